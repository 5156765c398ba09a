/** Running results of an aggregation, for all steps at once; a value counts where its column has one. */
import type { Aggregator } from '../parse/ast.ts';
import type { Column } from './columns.ts';
import { nextCorrection, StableMean } from './numeric.ts';

/** Takes the columns of one group one by one, or single values; `finish` is called once. */
export interface Accumulator {
  add(column: Column): void;
  /** Adds to one of the steps, which may as well be groups at one time. */
  addAt(step: number, value: number): void;
  finish(): Pick<Column, 'values' | 'present'>;
}

type Simple = Exclude<Aggregator, 'count_values' | 'topk' | 'bottomk' | 'quantile'>;

/** Makes the accumulator of an operator for `stepCount` steps. */
export const accumulators: Readonly<Record<Simple, (stepCount: number) => Accumulator>> = {
  sum,
  avg,
  count: (stepCount) => counter(stepCount, (counts) => counts),
  group: (stepCount) => counter(stepCount, (counts) => counts.fill(1)),
  min: (stepCount) => extreme(stepCount, (value, best) => value < best),
  max: (stepCount) => extreme(stepCount, (value, best) => value > best),
  stddev: (stepCount) => variance(stepCount, Math.sqrt),
  stdvar: (stepCount) => variance(stepCount, (value) => value),
};

function sum(stepCount: number): Accumulator {
  const values = new Float64Array(stepCount);
  const corrections = new Float64Array(stepCount);
  const present = new Uint8Array(stepCount);
  const addAt = (i: number, term: number): void => {
    if (present[i] !== 1) {
      present[i] = 1;
      values[i] = term;
      return;
    }
    const before = values[i] ?? NaN;
    const total = before + term;
    corrections[i] = nextCorrection(before, term, total, corrections[i] ?? 0);
    values[i] = total;
  };
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) if (column.present[i] === 1) addAt(i, column.values[i] ?? NaN);
    },
    addAt,
    finish: () => ({ values: values.map((value, i) => value + (corrections[i] ?? 0)), present }),
  };
}

/** A sum divided at the end; steps whose sum overflows go on with a mean that does not. */
function avg(stepCount: number): Accumulator {
  const sums = new Float64Array(stepCount);
  const corrections = new Float64Array(stepCount);
  const counts = new Float64Array(stepCount);
  const overflown = new Map<number, StableMean>();
  const addSlowly = (i: number, term: number, count: number): void => {
    let mean = overflown.get(i);
    if (mean === undefined) {
      mean = new StableMean();
      mean.resume(sums[i] ?? NaN, corrections[i] ?? NaN, count);
      overflown.set(i, mean);
    }
    mean.add(term);
  };
  const addAt = (i: number, term: number): void => {
    const count = counts[i] ?? 0;
    counts[i] = count + 1;
    if (count === 0) {
      sums[i] = term;
      return;
    }
    const before = sums[i] ?? NaN;
    const total = before + term;
    if (total === Infinity || total === -Infinity || (overflown.size > 0 && overflown.has(i))) {
      addSlowly(i, term, count);
      return;
    }
    corrections[i] = nextCorrection(before, term, total, corrections[i] ?? 0);
    sums[i] = total;
  };
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) if (column.present[i] === 1) addAt(i, column.values[i] ?? NaN);
    },
    addAt,
    finish() {
      const values = new Float64Array(stepCount);
      const present = new Uint8Array(stepCount);
      for (let i = 0; i < stepCount; i++) {
        const count = counts[i] ?? 0;
        if (count === 0) continue;
        present[i] = 1;
        values[i] = overflown.get(i)?.mean ?? (sums[i] ?? NaN) / count + (corrections[i] ?? NaN) / count;
      }
      return { values, present };
    },
  };
}

function counter(stepCount: number, toValues: (counts: Float64Array) => Float64Array): Accumulator {
  const counts = new Float64Array(stepCount);
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) counts[i] = (counts[i] ?? 0) + (column.present[i] ?? 0);
    },
    addAt(i) {
      counts[i] = (counts[i] ?? 0) + 1;
    },
    finish() {
      const present = Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0));
      return { values: toValues(counts), present };
    },
  };
}

function extreme(stepCount: number, isBetter: (value: number, best: number) => boolean): Accumulator {
  const values = new Float64Array(stepCount);
  const present = new Uint8Array(stepCount);
  const addAt = (i: number, value: number): void => {
    const best = values[i] ?? NaN;
    if (present[i] !== 1 || isBetter(value, best) || Number.isNaN(best)) values[i] = value;
    present[i] = 1;
  };
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) if (column.present[i] === 1) addAt(i, column.values[i] ?? NaN);
    },
    addAt,
    finish: () => ({ values, present }),
  };
}

/** Population variance after Welford; a group that starts with NaN or an infinity has none. */
function variance(stepCount: number, toResult: (variance: number) => number): Accumulator {
  const counts = new Float64Array(stepCount);
  const means = new Float64Array(stepCount);
  const squares = new Float64Array(stepCount);
  const addAt = (i: number, value: number): void => {
    const count = (counts[i] ?? 0) + 1;
    const mean = means[i] ?? 0;
    const delta = value - mean;
    const nextMean = count === 1 ? value : mean + delta / count;
    counts[i] = count;
    means[i] = nextMean;
    if (count === 1) squares[i] = Number.isFinite(value) ? 0 : NaN;
    else squares[i] = (squares[i] ?? 0) + delta * (value - nextMean);
  };
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) if (column.present[i] === 1) addAt(i, column.values[i] ?? NaN);
    },
    addAt,
    finish: () => ({
      values: squares.map((square, i) => toResult(square / (counts[i] ?? 0))),
      present: Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0)),
    }),
  };
}
