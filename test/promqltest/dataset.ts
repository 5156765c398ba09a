/** Random but repeatable series on which our engine and Prometheus answer the same queries. */

/** One series; times are UTC milliseconds. */
export interface DatasetSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly (readonly [timeMs: number, value: number])[];
}

/** Start of the data. The samples stand off the whole seconds, where Prometheus 2 and 3 draw windows differently. */
export const DATA_START_MS = Date.UTC(2026, 0, 1);
/** Samples per series, where none is missing: an hour. */
export const SAMPLE_COUNT = 720;
const SAMPLE_STEP_MS = 5_000;
const SAMPLE_SHIFT_MS = 1_234;

/** Numbers from 0 up to but without 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const BUCKETS = ['0.1', '0.5', '1', '5', '+Inf'] as const;

/** Counters with resets and a gap, gauges with missing samples and odd values, a histogram, and an info metric. */
export function createDataset(random: () => number): readonly DatasetSeries[] {
  const series: DatasetSeries[] = [];
  const add = (
    name: string,
    labels: Readonly<Record<string, string>>,
    valueAt: (i: number) => number | undefined,
  ) => {
    const points = Array.from({ length: SAMPLE_COUNT }, (_, i) => {
      const value = valueAt(i);
      return value === undefined
        ? []
        : [[DATA_START_MS + i * SAMPLE_STEP_MS + SAMPLE_SHIFT_MS, value] as const];
    });
    series.push({ name, labels, points: points.flat() });
  };
  for (const instance of ['a', 'b', 'c']) {
    for (const cpu of ['0', '1']) {
      for (const mode of ['idle', 'user', 'system']) {
        let total = random() * 1000;
        add('cpu_seconds_total', { instance, cpu, mode }, (i) => {
          total = random() < 0.003 ? random() * 5 : total + random() * 5;
          return instance === 'c' && i > 500 && i < 560 ? undefined : total;
        });
      }
    }
    for (const name of ['memory_free_bytes', 'memory_cached_bytes']) {
      add(name, { instance }, () => (random() < 0.02 ? undefined : Math.round(random() * 8e9)));
    }
    add('odd', { instance, kind: instance === 'a' ? 'x' : 'y' }, () => oddValue(random));
    const counts = BUCKETS.map(() => 0);
    for (const [bucket, le] of BUCKETS.entries()) {
      add('latency_seconds_bucket', { instance, le }, () => {
        counts[bucket] = (counts[bucket] ?? 0) + (bucket + 1) * 3;
        return counts[bucket];
      });
    }
  }
  add('info', { instance: 'a', os: 'linux' }, () => 1);
  add('info', { instance: 'b', os: 'darwin' }, () => 1);
  return series;
}

function oddValue(random: () => number): number {
  const choice = random();
  if (choice < 0.02) return NaN;
  if (choice < 0.04) return choice < 0.03 ? Infinity : -Infinity;
  // Adding 0 turns -0, which the text format does not keep, into 0.
  return Math.round((random() - 0.5) * 20) + 0;
}

/** The dataset in the OpenMetrics text format. */
export function toOpenMetrics(dataset: readonly DatasetSeries[]): string {
  const lines: string[] = [];
  for (const name of new Set(dataset.map((series) => series.name))) {
    lines.push(`# TYPE ${name} unknown`);
    for (const { labels, points } of dataset.filter((series) => series.name === name)) {
      const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      for (const [timeMs, value] of points)
        lines.push(`${name}{${pairs.join(',')}} ${toText(value)} ${timeMs / 1000}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

function toText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
