/**
 * A synthetic fleet like that of the public Time Series Benchmark Suite, use case "devops": nine groups of about a hundred
 * fields per host, which walk at random as theirs do. Written anew from its tables; the random numbers are others.
 * Source: https://github.com/timescale/tsbs, pkg/data/usecases/devops.
 */

/** A series of one host: metric name, and its values tick by tick. */
export interface WalkedSeries {
  readonly measurement: string;
  readonly name: string;
  readonly values: Float64Array;
}

type Random = () => number;
type Walk = (ticks: number, random: Random) => Float64Array;

/** Steps are normally distributed; the walk stays between 0 and `max`. */
function clamped(mean: number, deviation: number, max: number, start: number): Walk {
  return (ticks, random) => {
    let value = start;
    return Float64Array.from({ length: ticks }, () => {
      value = Math.min(max, Math.max(0, value + mean + deviation * gaussian(random)));
      return Math.trunc(value);
    });
  };
}

/** Only up: steps are magnitudes of normally distributed numbers. */
function rising(mean: number): Walk {
  return (ticks, random) => {
    let value = 0;
    return Float64Array.from({ length: ticks }, () => {
      value += Math.abs(mean + gaussian(random));
      return Math.trunc(value);
    });
  };
}

const percent: Walk = (ticks, random) => clamped(0, 1, 100, random() * 100)(ticks, random);
const filling = clamped(5, 1, 1_000, 0);
const memory = clamped(50, 1, 2 ** 34, 2 ** 33);

const INDEPENDENT: readonly (readonly [measurement: string, walk: Walk, fields: string])[] = [
  [
    'cpu',
    percent,
    'usage_user usage_system usage_idle usage_nice usage_iowait usage_irq usage_softirq usage_steal usage_guest usage_guest_nice',
  ],
  ['diskio', rising(50), 'reads writes'],
  ['diskio', rising(100), 'read_bytes write_bytes'],
  ['diskio', rising(5), 'read_time write_time io_time'],
  ['kernel', (ticks) => new Float64Array(ticks).fill(1_767_225_600), 'boot_time'],
  ['kernel', rising(5), 'interrupts context_switches processes_forked disk_pages_in disk_pages_out'],
  ['net', rising(50), 'bytes_sent bytes_recv packets_sent packets_recv'],
  ['net', rising(5), 'err_in err_out drop_in drop_out'],
  ['nginx', rising(5), 'accepts handled requests'],
  ['nginx', percent, 'active reading waiting writing'],
  [
    'postgresl',
    filling,
    'numbackends xact_commit xact_rollback blks_read blks_hit tup_returned tup_fetched tup_inserted tup_updated tup_deleted conflicts temp_files deadlocks blk_read_time blk_write_time',
  ],
  ['postgresl', clamped(1024, 1, 2 ** 30, 0), 'temp_bytes'],
  ['redis', (ticks) => Float64Array.from({ length: ticks }, (_, tick) => tick * 10), 'uptime_in_seconds'],
  ['redis', rising(5), 'total_connections_received'],
  ['redis', rising(50), 'expired_keys evicted_keys keyspace_hits keyspace_misses'],
  ['redis', rising(1), 'instantaneous_ops_per_sec instantaneous_input_kbps instantaneous_output_kbps'],
  ['redis', clamped(50, 1, 10_000, 0), 'connected_clients rdb_changes_since_last_save'],
  ['redis', memory, 'used_memory used_memory_rss used_memory_peak used_memory_lua'],
  [
    'redis',
    filling,
    'sync_full sync_partial_ok sync_partial_err pubsub_channels pubsub_patterns latest_fork_usec connected_slaves master_repl_offset repl_backlog_active repl_backlog_size repl_backlog_histlen mem_fragmentation_ratio used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children',
  ],
];

/** All series of one host. */
export function walkHost(ticks: number, random: Random): readonly WalkedSeries[] {
  const independent = INDEPENDENT.flatMap(([measurement, walk, fields]) =>
    fields.split(' ').map((field) => seriesOf(measurement, field, walk(ticks, random))),
  );
  return [...independent, ...disk(ticks, random), ...mem(ticks, random)];
}

function disk(ticks: number, random: Random): readonly WalkedSeries[] {
  const total = 2 ** 40;
  const inodeBytes = 4_096;
  const free = clamped(50, 1, total, total / 2)(ticks, random);
  const inodesFree = free.map((value) => Math.floor(value / inodeBytes));
  return [
    seriesOf(
      'disk',
      'total',
      free.map(() => total),
    ),
    seriesOf('disk', 'free', free),
    seriesOf(
      'disk',
      'used',
      free.map((value) => total - value),
    ),
    seriesOf(
      'disk',
      'used_percent',
      free.map((value) => Math.trunc((100 * (total - value)) / total)),
    ),
    seriesOf(
      'disk',
      'inodes_total',
      free.map(() => total / inodeBytes),
    ),
    seriesOf('disk', 'inodes_free', inodesFree),
    seriesOf(
      'disk',
      'inodes_used',
      inodesFree.map((value) => total / inodeBytes - value),
    ),
  ];
}

function mem(ticks: number, random: Random): readonly WalkedSeries[] {
  const total = [2 ** 33, 1.5 * 2 ** 33, 2 ** 34][Math.floor(random() * 3)] ?? 2 ** 33;
  const walk = (): Float64Array => clamped(0, total / 64, total, random() * total)(ticks, random);
  const [used, cached, buffered] = [walk(), walk(), walk()];
  const available = used.map((value) => total - value);
  return [
    seriesOf(
      'mem',
      'total',
      used.map(() => total),
    ),
    seriesOf('mem', 'available', available),
    seriesOf('mem', 'used', used),
    seriesOf('mem', 'free', available),
    seriesOf('mem', 'cached', cached),
    seriesOf('mem', 'buffered', buffered),
    seriesOf(
      'mem',
      'used_percent',
      used.map((value) => 100 * (value / total)),
    ),
    seriesOf(
      'mem',
      'available_percent',
      available.map((value) => 100 * (value / total)),
    ),
    seriesOf(
      'mem',
      'buffered_percent',
      buffered.map((value) => (100 * value) / total),
    ),
  ];
}

function seriesOf(measurement: string, field: string, values: Float64Array): WalkedSeries {
  return { measurement, name: `${measurement}_${field}`, values };
}

/** Normally distributed with mean 0 and deviation 1 (Box and Muller). */
function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
