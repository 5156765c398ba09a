/** The rules that are made of settings, and of what no series tells. The others stand in ../stock-rules. */
import type { ExpressionRule, OutageRule, PresenceRule, Rule } from './rule.ts';

const GIB = 2 ** 30;

export interface StockRuleSettings {
  /** A file system is almost full above this share of use, 0–1 … */
  readonly filesystemUsedRatioMax: number;
  /** … and below this much free space; both must hold, since 10 % of a large disk is plenty. */
  readonly filesystemFreeBytesMin: number;
  readonly filesystemForMs: number;
}

export const STOCK_RULE_DEFAULTS: StockRuleSettings = {
  filesystemUsedRatioMax: 0.9,
  filesystemFreeBytesMin: 5 * GIB,
  filesystemForMs: 5 * 60_000,
};

/** All stock rules with the given thresholds. */
export function stockRules(settings: StockRuleSettings = STOCK_RULE_DEFAULTS): readonly Rule[] {
  return [HOST_DOWN, HOST_DOWN_PAGE, HOSTS_VANISHED, filesystemAlmostFull(settings)];
}

/** A host is silent. Presence has waited for three missed ticks and its grace, so there is no further hold time. */
export const HOST_DOWN: PresenceRule = {
  source: 'presence',
  id: 'HostDown',
  name: 'HostDown',
  kind: 'uptime',
  severity: 'ticket',
  forMs: 0,
  labels: { level: 'warn' },
  title: '{{ $labels.instance }} is down',
  description:
    'The agent on {{ $labels.instance }} is silent since {{ $since }}: ' +
    'the host, its network or the agent has stopped.',
  threshold: null,
};

/** What comes back within this time wakes nobody. */
const PAGE_AFTER_MS = 2 * 60_000;

const HOST_DOWN_PAGE: PresenceRule = {
  ...HOST_DOWN,
  id: 'HostDown/crit',
  severity: 'page',
  forMs: PAGE_AFTER_MS,
  labels: { level: 'crit' },
  title: '{{ $labels.instance }} is down and stays down',
};

/** Hosts that are cut off fall silent one after the other within their interval: after this long most are counted. */
const OUTAGE_COUNT_MS = 5_000;

/** One alert for an outage of many hosts, after `HOST_DOWN`: whose host is back is over before this is. */
const HOSTS_VANISHED: OutageRule = {
  source: 'outage',
  id: 'HostsVanished',
  name: 'HostsVanished',
  kind: 'uptime',
  severity: 'page',
  forMs: OUTAGE_COUNT_MS,
  labels: { level: 'crit' },
  title: 'Many hosts vanished together',
  description: 'The network of the collector, or the collector itself, is the likely cause.',
  threshold: null,
};

/** Alerts end three points below the level that raised them, or with a fifth more space than the limit. */
const CLEAR_RATIO_MARGIN = 0.03;
const CLEAR_FREE_FACTOR = 1.2;

// Only what a person can fill: local, writable, not virtual, not an image that is always full.
const FILESYSTEMS =
  'job="node",' +
  'fstype!~"tmpfs|devtmpfs|ramfs|overlay|squashfs|erofs|iso9660|udf|autofs|nsfs|nfs.*|cifs|smb3|9p|ceph|fuse\\\\..*",' +
  'mountpoint!~"/(dev|proc|sys|run|snap)(/.*)?|/var/lib/(docker|containers|containerd|kubelet)(/.*)?"';
const SAME = 'on (instance, device, mountpoint)';
const SIZE = `(node_filesystem_size_bytes{${FILESYSTEMS}} > 0 unless ${SAME} node_filesystem_readonly{job="node"} == 1)`;
const FREE = 'node_filesystem_free_bytes{job="node"}';
const AVAILABLE = 'node_filesystem_avail_bytes{job="node"}';
// Without SAME: operands of USED have all labels in common, too.
const AVAILABLE_RATIO = `node_filesystem_avail_bytes{${FILESYSTEMS}} / node_filesystem_size_bytes{${FILESYSTEMS}}`;
// As df computes it: blocks reserved for root are neither used nor available.
const USED = `((${SIZE} - ${FREE}) / (${SIZE} - ${FREE} + ${AVAILABLE}))`;

function filesystemAlmostFull(settings: StockRuleSettings): ExpressionRule {
  const raiseRatio = settings.filesystemUsedRatioMax;
  const raiseBytes = settings.filesystemFreeBytesMin;
  const clearRatio = Number((raiseRatio - CLEAR_RATIO_MARGIN).toFixed(6));
  const clearBytes = raiseBytes * CLEAR_FREE_FACTOR;
  // Above the ratio of use, `avail / size` is below this, whatever is free: `used` is at most the size.
  const suspectRatio = 1 / raiseRatio - 1;
  // One incident per mount point, also where several devices are mounted on it.
  const perMount = (expression: string): string => `max by (instance, mountpoint) (${expression})`;
  return {
    source: 'expression',
    id: 'FilesystemAlmostFull',
    name: 'FilesystemAlmostFull',
    kind: 'capacity',
    severity: 'page',
    forMs: settings.filesystemForMs,
    labels: { level: 'crit' },
    title: '{{ $labels.mountpoint }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full',
    description:
      'The file system at {{ $labels.mountpoint }} on {{ $labels.instance }} is ' +
      '{{ $value | humanizePercentage }} full since {{ $since }}. Free space or enlarge it.',
    threshold: raiseRatio,
    recovery: clearRatio,
    raise: perMount(`${USED} > ${raiseRatio} and ${SAME} ${AVAILABLE} < ${raiseBytes}`),
    suspects: `${AVAILABLE_RATIO} < ${suspectRatio} and ${SAME} ${AVAILABLE} < ${raiseBytes}`,
    clear: perMount(`${USED} and ${SAME} (${USED} < ${clearRatio} or ${SAME} ${AVAILABLE} > ${clearBytes})`),
    // Without the filters: a full file system that turns read-only is not gone.
    exists: perMount('node_filesystem_size_bytes{job="node"}'),
    witness: 'node_scrape_collector_success{job="node",collector="filesystem"} == 1',
  };
}
