/**
 * How long queries take: those of dashboard 1860 and of the public node rules, on a fleet of hosts that all play the
 * recording of a real one, next to Prometheus and VictoriaMetrics with the same samples.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { conformanceFile, loadBoard, substitute } from './board.ts';
import {
  compareBackends,
  hostName,
  STEP_S,
  type Query,
  type Report,
  type Result,
  type Size,
} from './side-by-side.ts';

const HELP = `npm run bench -- promql [--hosts 100] [--minutes 60] [--interval 10] [--rounds 9]
                         [--warm-up 20] [--only TEXT] [--encoding identity] [--json]

  --hosts     hosts, 1 to 1000; each has about 500 series
  --minutes   time that every host has data for; range queries cover it
  --interval  seconds between two readings
  --rounds    times that each query is asked; the median counts
  --warm-up   seconds for which each class is asked before, as servers are that have run for an hour with dashboards open
  --only      classes of queries whose name has this text
  --encoding  identity, or gzip, which Grafana asks for

Needs ROLLCALL_CONFORMANCE, prometheus, and for the second comparison victoria-metrics.
`;

const RATE_WINDOW = '1m';
const SLOWEST_SHOWN = 10;
/** What the same query differs by from run to run. */
const NOISE_RATIO = 1.1;

export async function promql(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '100' },
      minutes: { type: 'string', default: '60' },
      interval: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '9' },
      encoding: { type: 'string', default: 'identity' },
      'warm-up': { type: 'string', default: '20' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size: Size = {
    hosts: Number(values.hosts),
    minutes: Number(values.minutes),
    intervalMs: Number(values.interval) * 1000,
    rounds: Number(values.rounds),
    encoding: values.encoding,
    warmUpS: Number(values['warm-up']),
  };
  const asked = queries().filter(({ kind }) => kind.includes(values.only));
  if (asked.length === 0) throw new Error(`--only ${values.only}: no class of queries has this in its name`);
  const report = await compareBackends(size, asked);
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else print(report);
}

const ruleFile = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ expr: z.string() })) })),
});

function queries(): readonly Query[] {
  const board = loadBoard(conformanceFile('dashboards', 'node-exporter-full-1860.json'));
  const common: readonly (readonly [string, string])[] = [
    ['job', 'node'],
    ['__rate_interval', RATE_WINDOW],
    ['__interval', `${STEP_S}s`],
  ];
  const oneHost = new Map([...common, ['node', hostName(0)]]);
  const boardQueries = board.targets.flatMap(({ expression, isInstant }): Query[] => {
    const everywhere = expression.replaceAll('instance="$node"', 'instance=~"host-.+"');
    return [
      { kind: '1860, one host', text: substitute(expression, oneHost), isInstant },
      { kind: '1860, all hosts', text: substitute(everywhere, oneHost), isInstant },
    ];
  });
  const rules = ['awesome-node-exporter.yml', 'node-mixin-alerts.yaml'].flatMap((name): Query[] => {
    const { groups } = ruleFile.parse(parseYaml(readFileSync(conformanceFile('rules', name), 'utf8')));
    return groups.flatMap(({ rules: all }) =>
      all.map(({ expr }) => ({ kind: 'node rules, all hosts', text: expr, isInstant: true })),
    );
  });
  return [...boardQueries, ...rules].toSorted((left, right) => (left.kind < right.kind ? -1 : 1));
}

function print(report: Report): void {
  const lines = [
    `${report.hosts} hosts, ${report.minutes} minutes, ${report.samples} samples, ${report.date}, ${report.machine}`,
  ];
  for (const [kind, all] of Map.groupBy(report.results, (result) => result.kind)) {
    const good = all.filter(({ series }) => series[0] !== -1 && series[1] !== -1);
    const withData = good.filter(({ series }) => (series[1] ?? 0) > 0);
    const differing = good.filter(({ series }) => series[0] !== series[1]);
    const failing = all.filter(({ series }) => (series[0] === -1) !== (series[1] === -1));
    lines.push('', `${kind}: ${all.length} queries, ${good.length} compared, ${withData.length} with data`);
    const totals = report.backends.map((_, i) => sumOf(good, ({ ms }) => ms[i]));
    const cpuTotals = report.backends.map((_, i) => sumOf(good, ({ cpuMs }) => cpuMs[i]) / report.rounds);
    for (const [i, name] of report.backends.entries()) {
      const share = (sums: readonly number[]): string => ((sums[0] ?? 0) / (sums[i] ?? 1)).toFixed(2);
      const ratio =
        i === 0 ? '' : `, rollcall takes ${share(totals)} of it, and ${share(cpuTotals)} of its CPU`;
      lines.push(
        `  ${name.padEnd(18)} ${(totals[i] ?? 0).toFixed(0)} ms in all, ${(cpuTotals[i] ?? 0).toFixed(0)} ms CPU${ratio}`,
      );
    }
    const ratios = good.map(({ ms: [ours = 0, theirs = 0] }) => ours / theirs).toSorted((x, y) => x - y);
    lines.push(
      `  median of the ratios to prometheus: ${(ratios[ratios.length >> 1] ?? Number.NaN).toFixed(2)}`,
    );
    const slower = good.filter(({ ms: [ours = 0, theirs = 0] }) => ours > theirs);
    const clearly = slower.filter(({ ms: [ours = 0, theirs = 0] }) => ours > NOISE_RATIO * theirs);
    lines.push(
      `  slower than prometheus: ${slower.length} of ${good.length}, more than 10 % slower: ${clearly.length}`,
      `  other number of series: ${differing.length}`,
    );
    const loopMs = sumOf(good, ({ loopCpuMs }) => loopCpuMs) / report.rounds;
    const readerMs = (cpuTotals[0] ?? 0) - loopMs;
    lines.push(
      `  CPU of rollcall: ${loopMs.toFixed(0)} ms in the event loop and the engine's helpers, ${readerMs.toFixed(0)} ms in reading threads`,
    );
    lines.push(
      ...differing.map(
        ({ text, series }) => `    ${series.slice(0, 2).join(' and ')} series: ${oneLine(text)}`,
      ),
    );
    lines.push(...failing.map(({ text }) => `    fails on one side: ${oneLine(text)}`));
    const worst = slower.toSorted((left, right) => loss(right) - loss(left)).slice(0, SLOWEST_SHOWN);
    lines.push(
      ...worst.map(
        ({ text, ms }) => `    ${ms.map((one) => one.toFixed(1)).join(' / ')} ms: ${oneLine(text)}`,
      ),
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function sumOf(results: readonly Result[], of: (result: Result) => number | undefined): number {
  return results.reduce((sum, result) => sum + (of(result) ?? 0), 0);
}

function loss({ ms: [ours = 0, theirs = 0] }: Result): number {
  return ours - theirs;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
