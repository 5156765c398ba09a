/**
 * The agent's samplers beside node_exporter on this machine: each series that both have must have the same type and a value
 * that fits. Both are asked in turns, theirs before and after ours, so a counter of ours must lie between the two of theirs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LocalHost, MACHINE_ROOTS } from '../agent/src/host/local-host.ts';
import { createSamplers } from '../agent/src/samplers/list.ts';
import { formatValues } from '../agent/src/samplers/text.ts';
import { TickTaker } from '../agent/src/scheduler/tick.ts';
import { isMetricName, metricDefinition } from '../shared/src/catalogue/metrics.ts';
import { systemClock } from '../shared/src/lib/clock.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { waitFor } from '../test/harness/processes.ts';
import { spawn } from 'node:child_process';
import { compareRounds, type Findings, type Round, type Scrape } from './parity-compare.ts';

const INTERVAL_MS = 1_000;
/** Upstream's defaults; Debian's build also hides /run, /mnt and /media, and some network devices. */
const UPSTREAM_DEFAULTS = [
  '--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)',
  '--collector.netdev.device-exclude=^$',
] as const;

const HELP = `npm run bench -- parity [--rounds 10] [--json]

Compares every metric and label set of this machine with those of prometheus-node-exporter. Lists what only one side has.
Exit code 1 when something differs that bench/parity-exceptions.ts does not explain.

  --rounds  how often both are asked, a second apart, 2 to 1000
`;

export async function parity(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const findings = compareRounds(await measure(Number(values.rounds)));
  process.stdout.write(values.json ? `${JSON.stringify(findings)}\n` : report(findings));
  if (findings.mistakes.length > 0) process.exit(1);
}

async function measure(rounds: number): Promise<readonly Round[]> {
  const { path } = needs('prometheus-node-exporter');
  if (path === null) throw new Error('prometheus-node-exporter is not installed');
  const port = await freePort();
  const child = spawn(path, [`--web.listen-address=127.0.0.1:${port}`, ...UPSTREAM_DEFAULTS], {
    stdio: 'ignore',
  });
  using host = new LocalHost(MACHINE_ROOTS);
  const samplers = createSamplers(process.platform, {
    clock: systemClock,
    agent: { version: '0.0.0', arch: process.arch, os: process.platform },
    mountTimeoutMs: INTERVAL_MS / 2,
  });
  const ticks = new TickTaker({ clock: systemClock, host, samplers, intervalMs: INTERVAL_MS });
  const theirs = async (): Promise<Scrape> =>
    parseText(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
  try {
    await waitFor('node_exporter', () => theirs().catch(() => undefined));
    const result: Round[] = [];
    for (let i = 0; i < rounds; i++) {
      const before = await theirs();
      const ours = await ourTick(ticks);
      result.push({ before, ours, after: await theirs() });
      await delay(INTERVAL_MS);
    }
    return result;
  } finally {
    child.kill('SIGKILL');
  }
}

async function ourTick(ticks: TickTaker): Promise<Scrape> {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  const { results } = await ticks.takeTick();
  for (const result of results) {
    if (result.kind !== 'values') continue;
    for (const line of result.parts.flatMap(formatValues)) addLine(values, line);
  }
  for (const series of values.keys()) {
    const name = series.replace(/\{.*$/s, '');
    if (isMetricName(name)) types.set(name, metricDefinition(name).type);
  }
  return { values, types };
}

/** The text format of Prometheus, as far as node_exporter uses it. */
function parseText(text: string): Scrape {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) types.set(name, type);
    if (!line.startsWith('#')) addLine(values, line);
  }
  return { values, types };
}

/** Labels stand in the order of their names on both sides; one without a value is the same as none. */
function addLine(values: Map<string, number>, line: string): void {
  const [, series, value] = /^(.*) ([^ ]+)$/.exec(line) ?? [];
  if (series === undefined) return;
  values.set(
    series
      .replaceAll(/[a-zA-Z_]+="",?/g, '')
      .replace(/,\}$/, '}')
      .replace(/\{\}$/, ''),
    Number(value),
  );
}

function report({ compared, families, mistakes, explained, oursOnly, theirsOnly }: Findings): string {
  const list = (title: string, found: ReadonlyMap<string, string>): string => {
    const byReason = Map.groupBy(found, ([, reason]) => reason);
    const lines = [...byReason].map(
      ([reason, entries]) => `  ${reason}:\n    ${entries.map(([name]) => name).join(', ')}\n`,
    );
    return `${title}\n${lines.join('') || '  none\n'}\n`;
  };
  return (
    list('Only node_exporter has', theirsOnly) +
    list('Only the agent has', oursOnly) +
    list('Values that differ for a reason', explained) +
    `Mistakes\n${mistakes.map((mistake) => `  ${mistake}\n`).join('') || '  none\n'}\n` +
    `${compared} series of ${families} metrics on both sides, ${mistakes.length} mistakes\n`
  );
}
