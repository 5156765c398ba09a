/**
 * Random queries over the dataset. Left out is what Prometheus 2 is known to answer differently from Prometheus 3 or
 * from any other machine: windows that reach before the data, `predict_linear` with `@`, names after `atan2`, dates of
 * NaN, the deviation of a group that starts with NaN, the order of equal values, and what depends on the last digits of a result (so only values as they are stored become labels). The odd
 * half second keeps nested subqueries off the grid.
 */
import { DATA_START_MS } from './dataset.ts';

/** First evaluation and end; off the whole seconds, so that no window ends on a step of a subquery. */
export const QUERY_START_MS = DATA_START_MS + 2_400_321;
/** No step of half a minute falls on it: `@ end()` means the end that was asked for. */
export const QUERY_END_MS = DATA_START_MS + 3_318_098;

const AT = DATA_START_MS / 1000 + 2_000.321;
const SHIFTS = ['', '', '', '', ' offset 2m', ' offset -90s', ` @ ${AT}`, ' @ start()', ' @ end() offset 1m'];
const ONE_NAME = [
  'cpu_seconds_total',
  'cpu_seconds_total{mode="idle"}',
  'cpu_seconds_total{mode!~"id.*",cpu="0"}',
  'memory_free_bytes',
  'latency_seconds_bucket',
  'info',
  'nothing',
];
const FINITE = [...ONE_NAME, '{__name__=~"memory_.*",instance="a"}'];
const ANY = [...FINITE, 'odd', 'odd{kind="y"}'];
const RANGES = ['30s', '1m', '5m', '17m'];
const COUNTER_FUNCTIONS = ['rate', 'increase', 'irate', 'resets'];
const RANGE_FUNCTIONS = [
  'delta',
  'idelta',
  'deriv',
  'changes',
  'sum_over_time',
  'avg_over_time',
  'min_over_time',
  'max_over_time',
  'count_over_time',
  'last_over_time',
  'present_over_time',
  'stddev_over_time',
  'stdvar_over_time',
  'absent_over_time',
];
const VALUE_FUNCTIONS = [
  'abs',
  'ceil',
  'floor',
  'exp',
  'sqrt',
  'ln',
  'log2',
  'log10',
  'sgn',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'deg',
  'rad',
  'round',
  'timestamp',
  'absent',
  'sort',
  'sort_desc',
];
const GROUPINGS = [
  '',
  '',
  ' by (instance)',
  ' by (mode, instance)',
  ' without (cpu)',
  ' by (__name__)',
  ' without (le)',
];
const MATCHINGS = [
  '',
  'on (instance)',
  'ignoring (mode, cpu, kind, le, os)',
  'on (instance) group_left ()',
  'on ()',
  'on (instance) group_left (os)',
  'on (instance) group_right ()',
];

/** Makes one query after the other, all of them valid. */
export function queryGenerator(random: () => number): () => string {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const chance = (probability: number): boolean => random() < probability;

  const selector = (): string => pick(ANY) + pick(SHIFTS);

  const matrix = (depth: number): string =>
    depth <= 1 || chance(0.75)
      ? `${pick(ANY)}[${pick(RANGES)}]${pick(SHIFTS)}`
      : `(${vector(depth - 1)})[${pick(['120500ms', '300500ms'])}:${pick(['20s', '45s', ''])}]${pick(SHIFTS)}`;

  const scalar = (depth: number): string => {
    if (depth <= 1 || chance(0.5)) return pick(['1', '2', '0.5', '-3', 'NaN', 'Inf', '1e10', '0']);
    const [left, right] = [scalar(depth - 1), scalar(depth - 1)];
    return pick([
      `scalar(${vector(depth - 1)})`,
      'time()',
      `(${left} ${pick(['+', '-', '*', '/', '%', '^', 'atan2'])} ${right})`,
      `(${left} ${pick(['==', '!=', '<', '>=', '>', '<='])} bool ${right})`,
    ]);
  };

  const aggregation = (depth: number): string => {
    const inner = vector(depth - 1);
    const grouping = pick(GROUPINGS);
    return pick([
      `${pick(['sum', 'avg', 'count', 'min', 'max', 'group'])}${grouping} (${inner})`,
      `${pick(['stddev', 'stdvar'])}${grouping} (${pick(FINITE)})`,
      `${pick(['topk', 'bottomk'])}${grouping} (${pick(['1', '2', '5', '0'])}, ${pick(ONE_NAME)})`,
      `quantile${grouping} (${pick(['0.5', '0.9', '0', '1', '-1', '2'])}, ${inner})`,
      `count_values${grouping} ("v", round(${selector()}))`,
    ]);
  };

  const call = (depth: number): string => {
    const inner = vector(depth - 1);
    const limit = scalar(depth - 1);
    return pick([
      `${pick(COUNTER_FUNCTIONS)}(cpu_seconds_total[${pick(RANGES)}]${pick(SHIFTS)})`,
      `${pick(RANGE_FUNCTIONS)}(${matrix(depth)})`,
      `${pick(RANGE_FUNCTIONS)}(${matrix(depth)})`,
      `quantile_over_time(${pick(['0.5', '0.95', '0', '1'])}, ${matrix(depth)})`,
      `predict_linear(${pick(FINITE)}[${pick(RANGES)}], ${pick(['60', '3600', '-100'])})`,
      `holt_winters(${matrix(depth)}, 0.3, 0.6)`,
      `${pick(VALUE_FUNCTIONS)}(${inner})`,
      `${pick(['hour', 'minute', 'day_of_week', 'month'])}(vector(time() * 100))`,
      `clamp(${inner}, ${limit}, ${scalar(depth - 1)})`,
      `${pick(['clamp_min', 'clamp_max', 'round'])}(${inner}, ${limit})`,
      `label_replace(${inner}, "x", "$1-y", "instance", "(.*)")`,
      `label_replace(${inner}, "instance", "", "instance", "b")`,
      `label_join(${inner}, "j", "-", "instance", "mode")`,
      `histogram_quantile(${pick(['0.5', '0.99', '0', '1', '-1'])}, rate(latency_seconds_bucket[${pick(RANGES)}]))`,
    ]);
  };

  const binary = (depth: number): string => {
    const [left, right] = [vector(depth - 1), vector(depth - 1)];
    const other = pick([right, 'info', `sum by (instance) (${right})`]);
    return pick([
      `-(${left})`,
      `(${left}) ${pick(['+', '-', '*', '/', '%', '^', '==', '!=', '>', '<', '> bool', '== bool'])} ${scalar(depth)}`,
      `${scalar(depth)} ${pick(['+', '-', '/', '>', '<', '< bool'])} (${left})`,
      `(${left}) ${pick(['+', '-', '*', '/', '==', '!=', '>', '<= bool', '%', '^'])} ${pick(MATCHINGS)} (${other})`,
      `(${left}) ${pick(['and', 'or', 'unless'])} ${pick(MATCHINGS.slice(0, 3))} (${right})`,
    ]);
  };

  const vector = (depth: number): string => {
    if (depth <= 1) return selector();
    return pick([
      selector(),
      call(depth),
      call(depth),
      call(depth),
      aggregation(depth),
      aggregation(depth),
      binary(depth),
      binary(depth),
    ]);
  };

  return () => vector(4);
}
