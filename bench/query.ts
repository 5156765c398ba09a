/**
 * How long the queries of a working day take on a fleet, by class: one series, one host's dashboard, the top of the
 * fleet, sums over the fleet, and the long view; next to Prometheus and VictoriaMetrics with the same samples.
 */
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { COARSE_BLOCK_MS } from './fleet/loading.ts';
import { FleetFolder, type FleetSize } from './loaded-fleet.ts';
import {
  askAll,
  hostName,
  progress,
  startOthers,
  type Query,
  type Report,
  type Result,
} from './side-by-side.ts';

const HELP = `npm run bench -- query [--hosts 100] [--hours 24] [--interval 10] [--days 30] [--day-interval 900] [--rounds 9]
                        [--warm-up 20] [--data DIR] [--load] [--json]

  --hosts         hosts, 1 to 1000; each has about 500 series
  --hours         the newest time, with a reading every --interval seconds
  --days          what is before that, counted from the end, with a reading every --day-interval seconds; 0 for none
  --rounds        times that each query is asked; the median counts
  --warm-up       seconds for which each class is asked before, as servers are that have run for an hour
  --data          folder that keeps what is loaded: the next run of the same size only asks
  --load          load and do not ask

The defaults are the published scale: 432 million samples of a day, and 141 million of the month before it. Loading that
takes about half an hour of both cores and 2 GB; it may be broken off with Ctrl-C, goes on with the next call, and is not
needed a second time with --data: within three hours the next run adds what the fleet has measured since. Ten hosts take
three minutes. Rollcall's samples go through its journal and are sealed, merged and rolled up by its
own code; the others get them through remote write. Every answer is compared with that of Prometheus.
Needs ROLLCALL_CONFORMANCE, prometheus, and for the second comparison victoria-metrics.
`;

/** Raw samples stay for longer than the month that is asked for. */
const COLLECTOR_FLAGS = ['--raw-retention', '60d'];

export async function query(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '100' },
      hours: { type: 'string', default: '24' },
      interval: { type: 'string', default: '10' },
      days: { type: 'string', default: '30' },
      'day-interval': { type: 'string', default: '900' },
      rounds: { type: 'string', default: '9' },
      'warm-up': { type: 'string', default: '20' },
      data: { type: 'string' },
      load: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size: FleetSize = {
    hosts: Number(values.hosts),
    minutes: Number(values.hours) * 60,
    intervalMs: Number(values.interval) * 1000,
    days: Number(values.days),
    dayIntervalMs: Number(values['day-interval']) * 1000,
  };
  using temporary = tempDir();
  const path = values.data ?? temporary.path;
  const folder = await FleetFolder.open(path, size);
  const stop = (): void => folder.stop();
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
  progress(`${(folder.samples / 1e6).toFixed(0)} million samples in each store`);
  if (!(await loadCoarse(folder, path))) return;
  const others = await startOthers(path);
  try {
    const isLoaded = await folder.load(others);
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
    if (!isLoaded || values.load) return;
    const { collectorDir, startMs, endMs, readings } = folder.fleet;
    const report = await askAll({
      collectorDir,
      others,
      queries: queriesOver(size),
      size: {
        ...size,
        minutes: Math.ceil((endMs - startMs) / 60_000),
        rounds: Number(values.rounds),
        warmUpS: Number(values['warm-up']),
      },
      endMs,
      expected: readings,
      collectorFlags: COLLECTOR_FLAGS,
    });
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : tableOf(report));
  } finally {
    for (const { program } of others) await program.stop();
  }
}

/** Loads what is coarse, where that is missing, into other stores that were started for it. @returns whether it is there */
async function loadCoarse(folder: FleetFolder, path: string): Promise<boolean> {
  if (!folder.lacksCoarse) return true;
  const others = await startOthers(path, COARSE_BLOCK_MS);
  try {
    return await folder.loadCoarse(others);
  } finally {
    for (const { program } of others) await program.stop();
  }
}

/** A chart has about so many points. */
const POINTS = 1_440;

function queriesOver({ minutes, days }: FleetSize): readonly Query[] {
  const host = `instance="${hostName(0)}"`;
  const hour = { minutes: Math.min(60, minutes), stepS: 15 };
  const all = { minutes, stepS: Math.max(15, Math.round((minutes * 60) / POINTS)) };
  const longMinutes = Math.max(minutes, days * 1_440);
  const coarse = { minutes: longMinutes, stepS: Math.max(60, Math.round((longMinutes * 60) / 240)) };
  const ranges = (
    kind: string,
    span: Pick<Query, 'minutes' | 'stepS' | 'isRolledUp'>,
    texts: readonly string[],
  ): Query[] => texts.map((text) => ({ kind, text, isInstant: false, ...span }));
  return [
    ...ranges('one series, the fine hours', all, [
      `node_load1{${host}}`,
      `node_memory_MemAvailable_bytes{${host}}`,
      `rate(node_context_switches_total{${host}}[5m])`,
    ]),
    ...ranges("one host's dashboard, 1 h", hour, [
      `sum by (mode) (rate(node_cpu_seconds_total{${host}}[1m]))`,
      `100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle",${host}}[1m])))`,
      `node_load1{${host}}`,
      `node_memory_MemTotal_bytes{${host}} - node_memory_MemAvailable_bytes{${host}}`,
      `1 - node_filesystem_avail_bytes{${host}} / node_filesystem_size_bytes{${host}}`,
      `rate(node_network_receive_bytes_total{${host}}[1m]) * 8`,
      `rate(node_network_transmit_bytes_total{${host}}[1m]) * 8`,
      `rate(node_disk_io_time_seconds_total{${host}}[1m])`,
      `irate(node_disk_reads_completed_total{${host}}[1m])`,
      `node_filefd_allocated{${host}}`,
    ]),
    ...[
      'sum(topk(10, 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))))',
      'sum(topk(5, node_load1))',
    ].map((text): Query => ({ kind: 'top of the fleet, now', text, isInstant: true })),
    // All hosts have the same values, so which ones are at the top is chance; their values are not.
    ...ranges('top of the fleet, 1 h', hour, [
      'sum(topk(5, sum by (instance) (rate(node_network_receive_bytes_total[5m]))))',
    ]),
    ...ranges('rate over the fleet, 1 h', hour, [
      'sum(rate(node_network_receive_bytes_total[5m]))',
      'sum by (mode) (rate(node_cpu_seconds_total[5m]))',
      'quantile(0.9, rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    ]),
    ...ranges('long view of a host', { ...coarse, isRolledUp: true }, [
      `avg_over_time(node_load1{${host}}[${coarse.stepS}s])`,
      `rate(node_context_switches_total{${host}}[${4 * coarse.stepS}s])`,
    ]),
    ...ranges('long view of the fleet', { ...coarse, isRolledUp: true }, [
      `avg(avg_over_time(node_load1[${coarse.stepS}s]))`,
      `sum(rate(node_network_receive_bytes_total[${4 * coarse.stepS}s]))`,
      `max by (instance) (max_over_time(node_memory_MemAvailable_bytes[${coarse.stepS}s]))`,
    ]),
  ];
}

/** Sums of the medians by class, with our share of each of the others' time. */
function tableOf(report: Report): string {
  const { backends, results } = report;
  const lines = [
    `${report.hosts} hosts, ${report.minutes / 60} h, ${report.samples} samples, ${report.date}, ${report.machine}`,
    'Median milliseconds, and milliseconds of CPU, summed by class; ratios are rollcall to the other.',
    '',
    [
      'class'.padEnd(36),
      ...backends.flatMap((name, i) => [name.padStart(17), ...(i === 0 ? [] : ['ratio'.padStart(7)])]),
      ...backends.flatMap((name, i) => [
        `CPU ${name.slice(0, 4)}`.padStart(10),
        ...(i === 0 ? [] : ['ratio'.padStart(7)]),
      ]),
    ].join(''),
  ];
  for (const [kind, all] of Map.groupBy(results, (result) => result.kind)) {
    lines.push(rowOf(`${kind} (${all.length})`, all, report.rounds));
    for (const result of all) {
      lines.push(rowOf(`  ${result.text.slice(0, 33)}`, [result], report.rounds));
      const text = differenceText(result);
      if (text !== undefined) lines.push(`      ${text}  ${result.text}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function rowOf(name: string, results: readonly Result[], rounds: number): string {
  const sums = (of: (result: Result) => readonly number[]): readonly number[] =>
    (results[0]?.ms ?? []).map((_, i) => results.reduce((sum, result) => sum + (of(result)[i] ?? 0), 0));
  const cells = (totals: readonly number[], width: number): readonly string[] =>
    totals.flatMap((total, i) => [
      total.toFixed(1).padStart(width),
      ...(i === 0 ? [] : [((totals[0] ?? 0) / total).toFixed(2).padStart(7)]),
    ]);
  const cpuMs = sums((result) => result.cpuMs).map((total) => total / rounds);
  return [
    name.padEnd(36),
    ...cells(
      sums(({ ms }) => ms),
      17,
    ),
    ...cells(cpuMs, 10),
  ].join('');
}

/** Sums are added up in another order. */
const RATIO_MAX = 1e-9;

function differenceText({ series, difference }: Result): string | undefined {
  if (difference === undefined) return `series ${series.join(' : ')}`;
  const { lonePoints, largestRatio, medianRatio, points } = difference;
  if (lonePoints === 0 && largestRatio <= RATIO_MAX) return undefined;
  return `differs from Prometheus: ${lonePoints} points alone, ${points} in both, apart by ${percent(medianRatio)}, at most ${percent(largestRatio)}:`;
}

function percent(ratio: number): string {
  return `${(ratio * 100).toPrecision(2)} %`;
}
