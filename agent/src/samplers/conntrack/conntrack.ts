/** Parses /proc/net/stat/nf_conntrack. Source: net/netfilter/nf_conntrack_standalone.c of Linux. */
import { lines, ParseError, parseHexadecimal, words } from '../parse.ts';

/** Columns of the file and their metrics. */
const METRIC_BY_COLUMN = {
  found: 'node_nf_conntrack_stat_found',
  invalid: 'node_nf_conntrack_stat_invalid',
  ignore: 'node_nf_conntrack_stat_ignore',
  insert: 'node_nf_conntrack_stat_insert',
  insert_failed: 'node_nf_conntrack_stat_insert_failed',
  drop: 'node_nf_conntrack_stat_drop',
  early_drop: 'node_nf_conntrack_stat_early_drop',
  search_restart: 'node_nf_conntrack_stat_search_restart',
} as const;

export type ConntrackMetric = (typeof METRIC_BY_COLUMN)[keyof typeof METRIC_BY_COLUMN];
export const CONNTRACK_STAT_METRICS = Object.values(METRIC_BY_COLUMN);

const COLUMNS: readonly (readonly [string, ConntrackMetric])[] = Object.entries(METRIC_BY_COLUMN);

export interface ConntrackValue {
  readonly metric: ConntrackMetric;
  readonly value: number;
}

/**
 * Sums of all processors, which have a line of hexadecimal numbers each below a line of names.
 * @throws ParseError
 */
export function parseConntrack(bytes: Buffer): readonly ConntrackValue[] {
  const [header = '', ...rows] = lines(bytes).map(words);
  if (rows.length === 0) throw new ParseError('parse /proc/net/stat/nf_conntrack: no line of a processor');
  return COLUMNS.filter(([column]) => header.includes(column)).map(([column, metric]) => {
    const index = header.indexOf(column);
    const values = rows.map((row) => parseHexadecimal(row[index], '/proc/net/stat/nf_conntrack'));
    return { metric, value: values.reduce((sum, each) => sum + each, 0) };
  });
}
