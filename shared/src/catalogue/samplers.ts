/**
 * The samplers of all operating systems by name, for whoever has no agent at hand: only these can be switched off from the
 * collector. A test of the agent's register keeps the two the same.
 */

/** In order. */
export const SAMPLER_NAMES = [
  'arp',
  'bonding',
  'btrfs',
  'clocksource',
  'conntrack',
  'containers',
  'cpu',
  'cpufreq',
  'disk',
  'edac',
  'entropy',
  'filefd',
  'filesystem',
  'hwmon',
  'link',
  'load',
  'memory',
  'netstat',
  'network',
  'nvme',
  'os',
  'power',
  'pressure',
  'processes',
  'raid',
  'schedstat',
  'self',
  'selinux',
  'sockstat',
  'softnet',
  'stat',
  'system',
  'systemd',
  'tcp',
  'textfile',
  'thermal',
  'time',
  'udp',
  'uname',
  'vmstat',
  'zfs',
] as const;

/** Whether a sampler of this version has this name. */
export function isSamplerOfThisVersion(text: string): boolean {
  return SAMPLER_NAMES.some((name) => name === text);
}
