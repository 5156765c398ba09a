/** Where the agent and node_exporter differ on purpose. What is not listed here and differs is a mistake. */

/** A family of metrics, and why it is as it is. */
export type Exception = readonly [family: RegExp, reason: string];

const SAMPLERS = 'the collectors there and our samplers are cut differently';

/** Families that only the agent has. */
export const OURS_ONLY: readonly Exception[] = [
  [
    /^node_softnet_(backlog_len|cpu_collision_total|flow_limit_count_total|received_rps_total)$/,
    'newer than 1.5',
  ],
  [
    /^node_netstat_(TcpExt_(TCPOFOQueue|TCPRcvQDrop)|Tcp_MaxConn)$/,
    'dashboard 1860 wants them; a setting there',
  ],
  [/^node_(processes|tcp|systemd)_/, 'a setting there'],
  [/^node_pressure_irq_/, 'newer than 1.5'],
  [/^rollcall_/, 'about the agent itself'],
  [/^container_/, 'the names of cAdvisor'],
  [/^node_scrape_collector_/, SAMPLERS],
  [/^node_btrfs_device_/, 'node_exporter labels devices by a call that Node.js cannot make, where it may'],
];

/** Families that only node_exporter has. */
export const THEIRS_ONLY: readonly Exception[] = [
  [/^node_timex_/, 'from adjtimex(2), which Node.js cannot call and no file of /proc or /sys tells'],
  [/^node_btrfs_device_/, 'node_exporter labels devices by a call that Node.js cannot make, where it may'],
  [/^node_time_zone_offset_seconds$/, 'the time zone of a host is a fact of its inventory'],
  [/^node_disk_(info|device_mapper_info|filesystem_info)$/, 'facts of the inventory'],
  [/^node_dmi_info$/, 'facts of the inventory'],
  [/^node_exporter_build_info$/, 'rollcall_agent_info is ours'],
  [/^(go|promhttp)_/, 'about node_exporter itself'],
  [/^node_scrape_collector_/, SAMPLERS],
  [/^node_textfile_/, 'only where a folder of text files is named'],
  [/^node_netstat_(Icmp6|Ip6|Udp6|UdpLite6)_/, 'where IPv6 is off'],
  [
    /^node_(bcache|drbd|fibrechannel|infiniband|ipvs|nfs|nfsd|rapl|tapestats|tape|xfs|zfs_(?!arc_))_?/,
    'dashboard 1860 and the rules do not use them',
  ],
];

/** Values that may differ, and why. */
export const DIFFERENT_VALUES: readonly Exception[] = [
  [/^process_/, 'another process'],
  [/^node_scrape_collector_/, SAMPLERS],
  [
    /^node_network_speed_bytes$/,
    'where the kernel does not know the speed, node_exporter says -125000 and we nothing',
  ],
  [/^node_cooling_device_/, 'asked at another moment'],
];

/** Why `name` is on the list; undefined when it is not. */
export function reasonFor(list: readonly Exception[], name: string): string | undefined {
  return list.find(([family]) => family.test(name))?.[1];
}
