/** The functions of PromQL as data: what they take and return. */
import type { ValueType } from '../../parse/ast.ts';

/** Types and counts of the arguments of a function, and the type of its result. */
export interface Signature {
  /** Types of the arguments, optional ones last. */
  readonly args: readonly ValueType[];
  /** How many of `args` must be there. */
  readonly required: number;
  /** The last argument may be repeated. */
  readonly isVariadic: boolean;
  readonly returns: ValueType;
}

const MATRIX_TO_VECTOR = signature(['matrix']);
const VECTOR_TO_VECTOR = signature(['vector']);
const OPTIONAL_VECTOR = signature(['vector'], { required: 0 });

const SIGNATURES = {
  abs: VECTOR_TO_VECTOR,
  absent: VECTOR_TO_VECTOR,
  absent_over_time: MATRIX_TO_VECTOR,
  acos: VECTOR_TO_VECTOR,
  acosh: VECTOR_TO_VECTOR,
  asin: VECTOR_TO_VECTOR,
  asinh: VECTOR_TO_VECTOR,
  atan: VECTOR_TO_VECTOR,
  atanh: VECTOR_TO_VECTOR,
  avg_over_time: MATRIX_TO_VECTOR,
  ceil: VECTOR_TO_VECTOR,
  changes: MATRIX_TO_VECTOR,
  clamp: signature(['vector', 'scalar', 'scalar']),
  clamp_max: signature(['vector', 'scalar']),
  clamp_min: signature(['vector', 'scalar']),
  cos: VECTOR_TO_VECTOR,
  cosh: VECTOR_TO_VECTOR,
  count_over_time: MATRIX_TO_VECTOR,
  day_of_month: OPTIONAL_VECTOR,
  day_of_week: OPTIONAL_VECTOR,
  day_of_year: OPTIONAL_VECTOR,
  days_in_month: OPTIONAL_VECTOR,
  deg: VECTOR_TO_VECTOR,
  delta: MATRIX_TO_VECTOR,
  deriv: MATRIX_TO_VECTOR,
  double_exponential_smoothing: signature(['matrix', 'scalar', 'scalar']),
  exp: VECTOR_TO_VECTOR,
  first_over_time: MATRIX_TO_VECTOR,
  floor: VECTOR_TO_VECTOR,
  histogram_quantile: signature(['scalar', 'vector']),
  holt_winters: signature(['matrix', 'scalar', 'scalar']),
  hour: OPTIONAL_VECTOR,
  idelta: MATRIX_TO_VECTOR,
  increase: MATRIX_TO_VECTOR,
  irate: MATRIX_TO_VECTOR,
  label_join: signature(['vector', 'string', 'string', 'string'], { required: 3, isVariadic: true }),
  label_replace: signature(['vector', 'string', 'string', 'string', 'string']),
  last_over_time: MATRIX_TO_VECTOR,
  ln: VECTOR_TO_VECTOR,
  log10: VECTOR_TO_VECTOR,
  log2: VECTOR_TO_VECTOR,
  mad_over_time: MATRIX_TO_VECTOR,
  max_over_time: MATRIX_TO_VECTOR,
  min_over_time: MATRIX_TO_VECTOR,
  minute: OPTIONAL_VECTOR,
  month: OPTIONAL_VECTOR,
  pi: signature([], { returns: 'scalar' }),
  predict_linear: signature(['matrix', 'scalar']),
  present_over_time: MATRIX_TO_VECTOR,
  quantile_over_time: signature(['scalar', 'matrix']),
  rad: VECTOR_TO_VECTOR,
  rate: MATRIX_TO_VECTOR,
  resets: MATRIX_TO_VECTOR,
  round: signature(['vector', 'scalar'], { required: 1 }),
  scalar: signature(['vector'], { returns: 'scalar' }),
  sgn: VECTOR_TO_VECTOR,
  sin: VECTOR_TO_VECTOR,
  sinh: VECTOR_TO_VECTOR,
  sort: VECTOR_TO_VECTOR,
  sort_by_label: signature(['vector', 'string'], { required: 1, isVariadic: true }),
  sort_by_label_desc: signature(['vector', 'string'], { required: 1, isVariadic: true }),
  sort_desc: VECTOR_TO_VECTOR,
  sqrt: VECTOR_TO_VECTOR,
  stddev_over_time: MATRIX_TO_VECTOR,
  stdvar_over_time: MATRIX_TO_VECTOR,
  sum_over_time: MATRIX_TO_VECTOR,
  tan: VECTOR_TO_VECTOR,
  tanh: VECTOR_TO_VECTOR,
  time: signature([], { returns: 'scalar' }),
  timestamp: VECTOR_TO_VECTOR,
  vector: signature(['scalar']),
  year: OPTIONAL_VECTOR,
} as const satisfies Record<string, Signature>;

/** The name of a function. */
export type FunctionName = keyof typeof SIGNATURES;

/** The names of all functions. */
export const FUNCTION_NAMES: readonly string[] = Object.keys(SIGNATURES);

/** The signature of a function, undefined when there is none of that name. */
export function signatureOf(name: string): Signature | undefined {
  return Object.hasOwn(SIGNATURES, name) ? lookup[name] : undefined;
}

const lookup: Readonly<Record<string, Signature>> = SIGNATURES;

/** Functions whose result depends on the evaluation time even when their argument does not. */
const TIME_DEPENDENT: ReadonlySet<string> = new Set<FunctionName>([
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'days_in_month',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'time',
  'timestamp',
]);

/** Whether a call of the function must be evaluated at every step whatever its arguments are. */
export function isTimeDependent(functionName: string): boolean {
  return TIME_DEPENDENT.has(functionName);
}

function signature(
  args: readonly ValueType[],
  options: { readonly required?: number; readonly isVariadic?: boolean; readonly returns?: ValueType } = {},
): Signature {
  const { required = args.length, isVariadic = false, returns = 'vector' } = options;
  return { args, required, isVariadic, returns };
}
