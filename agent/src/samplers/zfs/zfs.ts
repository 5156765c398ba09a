/** Parses /proc/spl/kstat/zfs/arcstats. Source: module/os/linux/spl/spl-kstat.c of OpenZFS. */
import { ZFS_METRICS } from '@rollcall/shared/catalogue/hardware.ts';
import { ParseError, parseKeyed } from '../parse.ts';

export type ZfsMetric = keyof typeof ZFS_METRICS;

function isZfsMetric(name: string): name is ZfsMetric {
  return Object.hasOwn(ZFS_METRICS, name);
}

export const ZFS_CACHE_METRICS = Object.keys(ZFS_METRICS).filter(isZfsMetric);
const METRIC_BY_KEY: ReadonlyMap<string, ZfsMetric> = new Map(
  ZFS_CACHE_METRICS.map((metric) => [metric.slice('node_zfs_arc_'.length), metric]),
);

export interface ZfsValue {
  readonly metric: ZfsMetric;
  readonly value: number;
}

/**
 * The values that this version of ZFS has, of lines `name type number`.
 * @throws ParseError when there is none, or one is not a number
 */
export function parseArcStats(text: string): readonly ZfsValue[] {
  const withoutTypes = text.replaceAll(/^([a-z0-9_]+) +[0-9]+ +/gm, '$1 ');
  const values = parseKeyed(withoutTypes, METRIC_BY_KEY, '/proc/spl/kstat/zfs/arcstats');
  if (values.length === 0) {
    throw new ParseError('parse /proc/spl/kstat/zfs/arcstats: none of the values known');
  }
  return values;
}
