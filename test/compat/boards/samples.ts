/** Samples of this very machine for the boards, without waiting for them. */
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { LocalHost, MACHINE_ROOTS } from '../../../agent/src/host/local-host.ts';
import { createSamplers } from '../../../agent/src/samplers/list.ts';
import { readLines } from '../../../agent/src/samplers/testing.ts';
import { parseQuery } from '../../../collector/src/query/parse/parse.ts';
import { Labels, METRIC_NAME } from '../../../collector/src/storage/labels.ts';
import type { Series } from '../../../collector/src/storage/storage.ts';

/** Samples without stale markers. */
export type PlainSeries = Pick<Series, 'labels' | 'timestamps' | 'values'>;

/** Where the samples lie: `count` of them, `stepMs` apart, the last one at `endMs`. */
export interface Grid {
  readonly endMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** Time between two real readings; they are stored as if `stepMs` had passed. */
const PAUSE_MS = 100;

/**
 * What an agent reads on this machine, what its scheduler adds, and what a collector makes of it: an alert fires, and
 * `collectorText` is what its /metrics says.
 */
export async function realSamples(grid: Grid, collectorText: string): Promise<readonly PlainSeries[]> {
  using machine = openMachine();
  const rows = new Map<string, number[]>();
  for (let index = 0; index < grid.count; index++) {
    if (index > 0) await wait(PAUSE_MS);
    for (const [series, value] of await machine.read()) {
      const values = rows.get(series) ?? Array.from({ length: index }, () => Number.NaN);
      values.push(value);
      rows.set(series, values);
    }
  }
  const host = { instance: hostname(), job: 'node' };
  const constant = (value: number): readonly number[] => Array.from({ length: grid.count }, () => value);
  return [
    ...Array.from(rows, ([text, values]) => toSeries(labelsOf(text, host), values, grid)),
    ...MADE.map(([text, value]) => toSeries(labelsOf(text, host), constant(value), grid)),
    ...linesOf(collectorText).map(([text, value]) =>
      toSeries(labelsOf(text, { instance: '127.0.0.1:7655', job: 'rollcall' }), constant(value), grid),
    ),
    ...ALERTS.map(([text, value]) =>
      toSeries(labelsOf(text, { instance: hostname() }), constant(value), grid),
    ),
  ];
}

/** What the scheduler of the agent and the presence of the collector add. */
const MADE: readonly (readonly [series: string, value: number])[] = [
  ['up', 1],
  ['rollcall_host_info{host_id="0123456789abcdef0123456789abcdef",presence="server"}', 1],
  ...['unknown', 'up', 'suspect', 'down', 'planned'].map(
    (state) => [`rollcall_host_state{state="${state}"}`, state === 'up' ? 1 : 0] as const,
  ),
  ['node_scrape_collector_success{collector="cpu"}', 1],
  ['node_scrape_collector_success{collector="hwmon"}', 0],
  ['node_scrape_collector_duration_seconds{collector="cpu"}', 0.001],
  ['rollcall_agent_ticks_missed_total{reason="overrun"}', 2],
  ['rollcall_spool_records', 1],
  ['rollcall_spool_bytes', 2048],
  ['rollcall_spool_samples_dropped_total', 0],
];

const ALERTS: readonly (readonly [series: string, value: number])[] = [
  ['ALERTS{alertname="FilesystemAlmostFull",alertstate="firing",severity="ticket"}', 1],
  ['ALERTS_FOR_STATE{alertname="FilesystemAlmostFull",severity="ticket"}', 1_700_000_000],
];

interface Machine extends Disposable {
  read(): Promise<ReadonlyMap<string, number>>;
}

function openMachine(): Machine {
  const host = new LocalHost(MACHINE_ROOTS);
  const samplers = createSamplers('linux', {
    clock: systemClock,
    agent: { version: '0.1.0', arch: process.arch, os: 'linux' },
    mountTimeoutMs: 2_000,
  });
  return {
    async read() {
      const found = [];
      for (const sampler of samplers) found.push(...linesOf((await readLines(sampler, host)).join('\n')));
      return new Map(found);
    },
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

/** `name{labels} value` line by line; whatever is none is left out. */
function linesOf(text: string): readonly (readonly [series: string, value: number])[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_][\w:]*(?:\{.*\})?) (\S+)$/.exec(line);
    const value = Number(match?.[2]);
    return match?.[1] === undefined || !Number.isFinite(value) ? [] : [[match[1], value] as const];
  });
}

/** The labels that a selector names, with those of the source. */
function labelsOf(text: string, source: Readonly<Record<string, string>>): Labels {
  const parsed = parseQuery(text);
  if (parsed.kind !== 'selector') throw new Error(`not a series: ${text}`);
  const own = parsed.matchers.map(({ name, value }) => [name, value] as const);
  return Labels.from([...new Map([...Object.entries(source), ...own, [METRIC_NAME, parsed.name] as const])]);
}

function toSeries(labels: Labels, values: readonly number[], { endMs, stepMs, count }: Grid): PlainSeries {
  const samples = values
    .map((value, index) => ({ value, timeMs: endMs - (count - 1 - index) * stepMs }))
    .filter(({ value }) => !Number.isNaN(value));
  return {
    labels,
    timestamps: Float64Array.from(samples, ({ timeMs }) => timeMs),
    values: Float64Array.from(samples, ({ value }) => value),
  };
}
