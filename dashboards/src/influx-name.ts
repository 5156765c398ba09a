/** Where a metric lies in InfluxDB: measurement, "_" and field are its name. */

/**
 * Parts of node_exporter's names that are a measurement of their own. Every other name is cut at its first underscore.
 * The table must be the one by which samples are written; changing a row breaks what is stored.
 */
const MEASUREMENTS = [
  'node_cpu',
  'node_disk',
  'node_filesystem',
  'node_hwmon',
  'node_memory',
  'node_network',
  'node_pressure',
  'node_processes',
  'node_systemd',
] as const;

export interface InfluxName {
  readonly measurement: string;
  readonly field: string;
}

/** Measurement and field of a metric. A name without an underscore is a measurement whose field is `value`. */
export function influxName(metric: string): InfluxName {
  const measurement =
    MEASUREMENTS.find((name) => metric.startsWith(`${name}_`)) ?? metric.split('_')[0] ?? '';
  const field = metric.slice(measurement.length + 1);
  return field === '' ? { measurement: metric, field: 'value' } : { measurement, field };
}
