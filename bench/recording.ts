/**
 * A recording of a real host in the OpenMetrics text format, played by simulated agents: the same series and values on
 * every host, at times of our choosing.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import type { SimulatedSampler } from './fleet/host.ts';

interface RecordedSeries {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly values: number[];
}

export interface Recording {
  readonly series: readonly RecordedSeries[];
  /** Readings of each series. */
  readonly length: number;
  /** Times of the readings of the first series, which are those of all; UTC milliseconds. */
  readonly timesMs: readonly number[];
}

/** Decimals that are tried before a metric is taken for floating point. */
const SCALE_MAX = 3;

/** Reads a file, unpacked or with gzip. */
export function loadRecording(path: string): Recording {
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const all = new Map<string, RecordedSeries>();
  const timesMs: number[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+) (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = '', labels = '', value = '', seconds = ''] = match;
    const key = `${name}{${labels}}`;
    let series = all.get(key);
    if (series === undefined) {
      series = { name, labels: labelsOf(labels), values: [] };
      all.set(key, series);
    }
    if (all.size === 1) timesMs.push(Math.round(Number(seconds) * 1000));
    series.values.push(value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value));
  }
  // What is not finite cannot come from an agent.
  const series = [...all.values()].filter(({ values }) => values.every(Number.isFinite));
  return { series, length: Math.min(...series.map(({ values }) => values.length)), timesMs };
}

function labelsOf(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return new Map(
    pairs.map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  );
}

/** Times of simulated agents are in seconds modulo this. */
const SECONDS_WRAP = 10_000_000;

/**
 * Samplers that play the recording from its start at `startMs`; it begins anew after its end.
 * @param intervalMs time between two readings, whatever it was when recorded
 * @param hasCounters what is called `_total` is a counter, as agents say; else everything is a gauge
 */
export function recordedSamplers(
  recording: Recording,
  {
    startMs,
    intervalMs,
    hasCounters = false,
  }: { readonly startMs: number; readonly intervalMs: number; readonly hasCounters?: boolean },
): readonly SimulatedSampler[] {
  const startSeconds = (startMs / 1000) % SECONDS_WRAP;
  const bySampler = Map.groupBy(recording.series, ({ name }) => samplerNameOf(name));
  return [...bySampler].map(([sampler, all]): SimulatedSampler => {
    const byName = [...Map.groupBy(all, ({ name }) => name)];
    const metrics = byName.map(([name, series]): SchemaMetric => {
      const type = hasCounters && name.endsWith('_total') ? 'counter' : 'gauge';
      return { ...metricOf(name, series), type };
    });
    const schema = createSchema({ sampler, intervalMs, metrics });
    const byKey = new Map(all.map((series) => [keyOf(series.name, [...series.labels.values()]), series]));
    const columns = schema.metrics.flatMap(({ name, series }) =>
      series.map((values) => byKey.get(keyOf(name, values))?.values ?? []),
    );
    return {
      schema,
      block(schemaNumber, seconds) {
        const since = seconds - startSeconds;
        const tick = Math.round((since < -1 ? since + SECONDS_WRAP : since) / (intervalMs / 1000));
        const values = Float64Array.from(columns, (column) => column[tick % recording.length] ?? 0);
        return { kind: 'values', schemaNumber, schema, offsetMs: 0, values, present: undefined, errors: [] };
      },
    };
  });
}

function keyOf(name: string, values: readonly string[]): string {
  return JSON.stringify([name, ...values]);
}

/** Metrics of one resource are read together, as the agent does: `node_memory_…` by the sampler `memory`. */
export function samplerNameOf(name: string): string {
  const match = /^node_([a-z]+)/i.exec(name);
  return match?.[1]?.toLowerCase() ?? 'other';
}

/** All series of a metric in a recording have the same labels in the same order. */
function metricOf(name: string, all: readonly RecordedSeries[]): SchemaMetric {
  const scale = [...Array(SCALE_MAX + 1).keys()].find((digits) =>
    all.every(({ values }) => fits(values, digits)),
  );
  return {
    name,
    unit: '',
    type: 'gauge',
    encoding: scale === undefined ? 'float64' : 'integer',
    scale: scale ?? 0,
    labelNames: [...(all[0]?.labels.keys() ?? [])],
    series: all.map(({ labels }) => [...labels.values()]),
  };
}

/** Whether every value has at most so many decimals, and survives the way through an integer. */
function fits(values: readonly number[], digits: number): boolean {
  const power = 10 ** digits;
  return values.every((value) => {
    const scaled = Math.round(value * power);
    return Number.isSafeInteger(scaled * 2) && scaled / power === value;
  });
}
