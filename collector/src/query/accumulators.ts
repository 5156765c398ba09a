/** Running results of an aggregation, for all steps at once; a value counts where its column has one. */
import type { Aggregator } from './ast.ts';
import type { Column } from './columns.ts';
import { nextCorrection, StableMean } from './numeric.ts';

/** Takes the columns of one group one by one; `finish` is called once. */
export interface Accumulator {
  add(column: Column): void;
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
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) {
        if (column.present[i] !== 1) continue;
        const term = column.values[i] ?? NaN;
        if (present[i] !== 1) {
          present[i] = 1;
          values[i] = term;
          continue;
        }
        const before = values[i] ?? NaN;
        const total = before + term;
        corrections[i] = nextCorrection({ sum: before, term, total, correction: corrections[i] ?? 0 });
        values[i] = total;
      }
    },
    finish: () => ({ values: values.map((value, i) => value + (corrections[i] ?? 0)), present }),
  };
}

function avg(stepCount: number): Accumulator {
  const means = Array.from({ length: stepCount }, (): StableMean | undefined => undefined);
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) {
        if (column.present[i] !== 1) continue;
        (means[i] ??= new StableMean()).add(column.values[i] ?? NaN);
      }
    },
    finish: () => ({
      values: Float64Array.from(means, (mean) => mean?.mean ?? NaN),
      present: Uint8Array.from(means, (mean) => (mean === undefined ? 0 : 1)),
    }),
  };
}

function counter(stepCount: number, toValues: (counts: Float64Array) => Float64Array): Accumulator {
  const counts = new Float64Array(stepCount);
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) counts[i] = (counts[i] ?? 0) + (column.present[i] ?? 0);
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
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) {
        if (column.present[i] !== 1) continue;
        const value = column.values[i] ?? NaN;
        const best = values[i] ?? NaN;
        if (present[i] !== 1 || isBetter(value, best) || Number.isNaN(best)) values[i] = value;
        present[i] = 1;
      }
    },
    finish: () => ({ values, present }),
  };
}

/** Population variance after Welford; a group that starts with NaN or an infinity has none. */
function variance(stepCount: number, toResult: (variance: number) => number): Accumulator {
  const counts = new Float64Array(stepCount);
  const means = new Float64Array(stepCount);
  const squares = new Float64Array(stepCount);
  return {
    add(column) {
      for (let i = 0; i < stepCount; i++) {
        if (column.present[i] !== 1) continue;
        const value = column.values[i] ?? NaN;
        const count = (counts[i] ?? 0) + 1;
        const mean = means[i] ?? 0;
        const delta = value - mean;
        const nextMean = count === 1 ? value : mean + delta / count;
        counts[i] = count;
        means[i] = nextMean;
        if (count === 1) squares[i] = Number.isFinite(value) ? 0 : NaN;
        else squares[i] = (squares[i] ?? 0) + delta * (value - nextMean);
      }
    },
    finish: () => ({
      values: squares.map((square, i) => toResult(square / (counts[i] ?? 0))),
      present: Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0)),
    }),
  };
}
