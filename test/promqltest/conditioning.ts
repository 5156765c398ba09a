/**
 * Tells a wrong answer from an ill-posed question. Some questions have answers that hang on the last digit of a value:
 * `avg_over_time(x[5m]) != 0` where the exact mean is 0, `floor` of a value that is whole but for rounding, `tan` near
 * its poles. Prometheus 2 and 3 sum in different orders there, and both are right. So an answer of the reference that
 * differs from ours is let pass when it lies among the answers that we give ourselves when every sample is moved by at
 * most one part in 10^12: then the question is as sensitive as that, and no evaluation in doubles can do better. Likewise where
 * something is divided by a sum of nothing but -0, which is -0 in Prometheus 2 and 0 in Prometheus 3, which compensates sums.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { createQueryEngine, type QueryEngine } from '../../collector/src/query/query.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import { MemoryStorage } from '../../collector/src/storage/memory/memory.ts';
import type { DatasetSeries } from './dataset.ts';
import type { ReferenceAnswer } from './reference.ts';

/** How far samples are moved, relatively; a thousandth of what two answers may differ by. */
const MOVED_BY = 1e-12;
const COPIES = 8;
/** The envelope of a few random copies is narrower than the true one. */
const SLACK = 8;
const SMOOTH_RATIO = 1e-3;

/** A store with the dataset, as it is or with every sample moved a little. */
export async function storeOf(
  dataset: readonly DatasetSeries[],
  moved: (value: number) => number = (value) => value,
): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const { name, labels, points } of dataset) {
    const samples = points.map(([timeMs, value]) => ({ timeMs, value: moved(value) }));
    await storage.append([{ labels: Labels.of({ ...labels, __name__: name }), samples }]);
  }
  return storage;
}

interface Times {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Values by series and time; undefined when the query failed. */
type Points = ReadonlyMap<string, number>;

export class Conditioning {
  readonly #engines: readonly QueryEngine[];

  private constructor(engines: readonly QueryEngine[]) {
    this.#engines = engines;
  }

  static async of(dataset: readonly DatasetSeries[], random: () => number): Promise<Conditioning> {
    const engines: QueryEngine[] = [];
    for (let copy = 0; copy <= COPIES; copy++) {
      const moved = (value: number): number =>
        copy === 0 ? value : value * (1 + (2 * random() - 1) * MOVED_BY);
      engines.push(createQueryEngine({ storage: await storeOf(dataset, moved), clock: systemClock }));
    }
    return new Conditioning(engines);
  }

  /** Whether the reference's answer is one that samples moved a little may give. */
  async explains(query: string, times: Times, theirs: ReferenceAnswer): Promise<boolean> {
    if (theirs.status === 'error') return false;
    const expected = new Map<string, number>();
    for (const { metric, values } of theirs.data.result) {
      const { key } = Labels.of(metric);
      for (const [seconds, text] of values)
        expected.set(`${key} ${Math.round(seconds * 1000)}`, toNumber(text));
    }
    const ours: Points[] = [];
    for (const engine of this.#engines) {
      const points = await pointsOf(engine, query, times);
      if (points === undefined) return false;
      ours.push(points);
    }
    const mayDivideByZero = /\bsum\b/.test(query) && /[/^]/.test(query);
    const places = new Set([...expected.keys(), ...ours.flatMap((points) => [...points.keys()])]);
    for (const place of places) {
      const values = ours.map((points) => points.get(place));
      const value = expected.get(place);
      const isOtherZero = mayDivideByZero && value !== undefined && isOtherInfinity(value, values);
      if (!isOtherZero && !isAmong(value, values)) return false;
    }
    return true;
  }
}

async function pointsOf(engine: QueryEngine, query: string, times: Times): Promise<Points | undefined> {
  try {
    const { value } = await engine.range(query, times, new AbortController().signal);
    if (value.kind !== 'matrix') return undefined;
    const points = new Map<string, number>();
    for (const { labels, timestamps, values } of value.series) {
      for (const [i, timeMs] of timestamps.entries()) points.set(`${labels.key} ${timeMs}`, values[i] ?? NaN);
    }
    return points;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Whether a value is the infinity of the other sign than ours. */
function isOtherInfinity(value: number, ours: readonly (number | undefined)[]): boolean {
  return Math.abs(value) === Infinity && ours.includes(-value);
}

/** Whether a value, or its absence, lies among ours. */
function isAmong(value: number | undefined, ours: readonly (number | undefined)[]): boolean {
  if (value === undefined) return ours.includes(undefined);
  if (ours.some((one) => Object.is(one, value))) return true;
  const finite = ours.filter((one) => one !== undefined).filter(Number.isFinite);
  if (!Number.isFinite(value) || finite.length === 0) return false;
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const size = Math.max(Math.abs(least), Math.abs(most));
  // Beyond a jump there is no telling how far an answer may be off, so nothing is added.
  const isSmooth = most - least < SMOOTH_RATIO * size;
  const margin = (isSmooth ? SLACK * (most - least) : 0) + 1e-9 * size + 1e-9;
  return value >= least - margin && value <= most + margin;
}

function toNumber(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
