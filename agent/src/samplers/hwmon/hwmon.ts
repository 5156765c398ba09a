/** What the files of /sys/class/hwmon mean. Source: Documentation/hwmon/sysfs-interface.rst. */
import { HWMON_METRICS } from '@rollcall/shared/catalogue/hardware.ts';

export type HwmonMetric = keyof typeof HWMON_METRICS;

/** A file with a number, such as `temp1_input`. */
export interface SensorFile {
  readonly file: string;
  /** `temp1` */
  readonly sensor: string;
  readonly metric: HwmonMetric;
  /** What the number is divided by. */
  readonly per: number;
}

interface Kind {
  /** Unit at the end of the metric's name; undefined when it has none. */
  readonly unit: string | undefined;
  readonly per: number;
}

const MILLI = 1_000;
const MICRO = 1_000_000;

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['temp', { unit: 'celsius', per: MILLI }],
  ['in', { unit: 'volts', per: MILLI }],
  ['curr', { unit: 'amps', per: MILLI }],
  ['power', { unit: 'watt', per: MICRO }],
  ['energy', { unit: 'joule_total', per: MICRO }],
  ['fan', { unit: 'rpm', per: 1 }],
  ['humidity', { unit: undefined, per: MICRO }],
  ['pwm', { unit: undefined, per: 1 }],
  ['intrusion', { unit: undefined, per: 1 }],
]);

const FILE = /^(([a-z]+)[0-9]+)(?:_([a-z_]+))?$/;
/** Yes or no, whatever the unit of the sensor is. */
const IS_FLAG = /(^|_)(alarm|fault)$/;

function isHwmonMetric(name: string): name is HwmonMetric {
  return Object.hasOwn(HWMON_METRICS, name);
}

/**
 * What a file of a chip's folder holds; undefined when it is no number that the catalogue has. The names are
 * node_exporter's, odd ones such as `node_hwmon_temp_crit_alarm_celsius` (which is yes or no) included.
 */
export function sensorFile(file: string): SensorFile | undefined {
  const [, sensor = '', kindName = '', property = ''] = FILE.exec(file) ?? [];
  const kind = KINDS.get(kindName);
  if (kind === undefined) return undefined;
  const isPlainFlag = property === 'alarm' || property === 'fault';
  const parts = ['node_hwmon', kindName, property === 'input' ? '' : property, isPlainFlag ? '' : kind.unit];
  const metric = parts.filter((part) => part !== undefined && part !== '').join('_');
  if (!isHwmonMetric(metric)) return undefined;
  return { file, sensor, metric, per: IS_FLAG.test(property) ? 1 : kind.per };
}

/** The sensor that a file such as `temp1_label` names; undefined for other files. */
export function labelledSensor(file: string): string | undefined {
  return /^([a-z]+[0-9]+)_label$/.exec(file)?.[1];
}

/**
 * A stable name for a chip from the path of its device: `platform_coretemp_0`; hwmon's own numbers change with the order
 * in which drivers are loaded.
 * @param path of the device, without symbolic links
 */
export function chipName(path: string): string {
  return path.split('/').slice(-2).map(clean).filter(Boolean).join('_');
}

function clean(part: string): string {
  return part
    .toLowerCase()
    .replaceAll(/[^a-z0-9:_]/g, '_')
    .replaceAll(/^_+|_+$/g, '');
}
