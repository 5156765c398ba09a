/**
 * How long the queries of a working day take on a fleet, by class: one series, one host's dashboard, the top of the
 * fleet, sums over the fleet, and the long view; next to Prometheus and VictoriaMetrics with the same samples.
 */
import { parseArgs } from 'node:util';
import { compareBackends, hostName, type Query, type Report, type Result } from './side-by-side.ts';

const HELP = `npm run bench -- query [--hosts 20] [--hours 2] [--interval 10] [--rounds 5] [--data DIR] [--json]

  --hosts     hosts, 1 to 1000; each has about 500 series
  --hours     time that every host has data for
  --interval  seconds between two readings
  --rounds    times that each query is asked; the median counts
  --data      folder that keeps what was loaded: the next run of the same size only asks

The published scale is --hosts 100 --hours 24: 432 million samples. The long view comes from rollups once the data is old
enough to have them: --hours 720 --interval 300.
Needs ROLLCALL_CONFORMANCE, prometheus, and for the second comparison victoria-metrics.
`;

export async function query(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '20' },
      hours: { type: 'string', default: '2' },
      interval: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '5' },
      data: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size = {
    hosts: Number(values.hosts),
    minutes: Number(values.hours) * 60,
    intervalMs: Number(values.interval) * 1000,
    rounds: Number(values.rounds),
  };
  const report = await compareBackends(size, queriesOver(size.minutes), values.data);
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : tableOf(report));
}

/** A chart has about so many points. */
const POINTS = 1_440;

function queriesOver(minutes: number): readonly Query[] {
  const host = `instance="${hostName(0)}"`;
  const hour = { minutes: Math.min(60, minutes), stepS: 15 };
  const all = { minutes, stepS: Math.max(15, Math.round((minutes * 60) / POINTS)) };
  const coarse = { minutes, stepS: Math.max(60, Math.round((minutes * 60) / 240)) };
  const ranges = (
    kind: string,
    span: { minutes: number; stepS: number },
    texts: readonly string[],
  ): Query[] => texts.map((text) => ({ kind, text, isInstant: false, ...span }));
  return [
    ...ranges('one series, all hours', all, [
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
      'topk(10, 1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))',
      'topk(5, node_load1)',
    ].map((text): Query => ({ kind: 'top of the fleet, now', text, isInstant: true })),
    ...ranges('top of the fleet, 1 h', hour, [
      'topk(5, sum by (instance) (rate(node_network_receive_bytes_total[5m])))',
    ]),
    ...ranges('rate over the fleet, 1 h', hour, [
      'sum(rate(node_network_receive_bytes_total[5m]))',
      'sum by (mode) (rate(node_cpu_seconds_total[5m]))',
      'quantile(0.9, rate(node_cpu_seconds_total{mode="idle"}[5m]))',
    ]),
    ...ranges('long view of the fleet, all hours', coarse, [
      `avg(avg_over_time(node_load1[${coarse.stepS}s]))`,
      `sum(rate(node_network_receive_bytes_total[${2 * coarse.stepS}s]))`,
      `max by (instance) (max_over_time(node_memory_MemAvailable_bytes[${coarse.stepS}s]))`,
    ]),
  ];
}

/** Sums of the medians by class, with our share of each of the others' time. */
function tableOf(report: Report): string {
  const { backends, results } = report;
  const lines = [
    `${report.hosts} hosts, ${report.minutes / 60} h, ${report.samples} samples, ${report.date}, ${report.machine}`,
    'Median milliseconds, summed by class; the ratio is the time of rollcall to that of the other.',
    '',
    [
      'class'.padEnd(36),
      ...backends.flatMap((name, i) => [name.padStart(17), ...(i === 0 ? [] : ['ratio'.padStart(7)])]),
    ].join(''),
  ];
  for (const [kind, all] of Map.groupBy(results, (result) => result.kind)) {
    const totals = backends.map((_, i) => all.reduce((sum, { ms }) => sum + (ms[i] ?? 0), 0));
    const cells = totals.flatMap((total, i) => [
      total.toFixed(1).padStart(17),
      ...(i === 0 ? [] : [((totals[0] ?? 0) / total).toFixed(2).padStart(7)]),
    ]);
    lines.push([`${kind} (${all.length})`.padEnd(36), ...cells].join(''));
    lines.push(
      ...all.filter(isDiffering).map(({ text, series }) => `    series ${series.join(' : ')}  ${text}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

function isDiffering({ series: [ours, theirs] }: Result): boolean {
  return ours !== theirs || ours === -1;
}
