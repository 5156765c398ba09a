/**
 * How a metric's name is split for stores that keep measurements with fields: measurement + `_` + field is the name. A
 * change here makes what is stored already unreadable under its name, so the table is pinned by a test.
 */

/** Where a metric is kept. */
export interface Place {
  readonly measurement: string;
  readonly field: string;
}

/** The field of names that are not split. No split gives it, so that every place has one name. */
const WHOLE_NAME_FIELD = 'value';

/** What may stand in front of the field; of several that fit, the longest counts. */
const SUBSYSTEMS: readonly string[] = [
  'node_arp',
  'node_bonding',
  'node_cooling_device',
  'node_cpu',
  'node_disk',
  'node_edac',
  'node_entropy',
  'node_filefd',
  'node_filesystem',
  'node_hwmon',
  'node_md',
  'node_memory',
  'node_netstat',
  'node_network',
  'node_nf_conntrack',
  'node_nvme',
  'node_os',
  'node_power_supply',
  'node_pressure',
  'node_processes',
  'node_procs',
  'node_rapl',
  'node_schedstat',
  'node_scrape_collector',
  'node_selinux',
  'node_sockstat',
  'node_softnet',
  'node_systemd',
  'node_tcp_connection',
  'node_textfile',
  'node_thermal_zone',
  'node_timex',
  'node_udp',
  'node_vmstat',
  'node_xfs',
  'node_zfs',
  'rollcall_agent',
  'rollcall_spool',
  'windows_cpu',
  'windows_logical_disk',
  'windows_memory',
  'windows_net',
  'windows_os',
  'windows_pagefile',
  'windows_physical_disk',
  'windows_system',
];
const SUBSYSTEM_SET: ReadonlySet<string> = new Set(SUBSYSTEMS);

/** Where the metric is kept: split behind its subsystem, else at its first underscore, else not at all. */
export function placeOf(name: string): Place {
  const at = splitPoint(name);
  const field = name.slice(at + 1);
  // InfluxDB takes no field called time, and 2.x keeps names that begin with an underscore for itself.
  const isSplit =
    at > 0 && field !== '' && field !== WHOLE_NAME_FIELD && field !== 'time' && !field.startsWith('_');
  return isSplit ? { measurement: name.slice(0, at), field } : { measurement: name, field: WHOLE_NAME_FIELD };
}

/** The name of the metric that is kept there; the reverse of `placeOf`. */
export function nameOf({ measurement, field }: Place): string {
  return field === WHOLE_NAME_FIELD ? measurement : `${measurement}_${field}`;
}

/** Position of the underscore between measurement and field, -1 when there is none. */
function splitPoint(name: string): number {
  for (let at = name.lastIndexOf('_'); at > 0; at = name.lastIndexOf('_', at - 1)) {
    if (SUBSYSTEM_SET.has(name.slice(0, at))) return at;
  }
  return name.indexOf('_');
}
