/**
 * What a panel asks for, as PromQL and as InfluxQL. Most questions have the same few shapes (a gauge, a rate, a share of
 * two metrics); they are written once and both texts follow.
 */
import { isMetricName, metricDefinition } from '@rollcall/shared/catalogue/metrics.ts';
import { influxName } from './influx-name.ts';

/** Which of the two kinds of data sources a board is for. */
export type Flavour = 'prometheus' | 'influxql';

export interface Query {
  /** Name of a line, with labels as `{{device}}`. */
  readonly legend: string;
  readonly promql: string;
  /** Null where InfluxQL cannot say it. */
  readonly influxql: InfluxQuery | null;
}

/** A text whose result has a column `v`, and tags. */
export interface InfluxQuery {
  readonly text: string;
  readonly tags: readonly string[];
  /** True when there is one value for the whole range, not one per interval. */
  readonly isWholeRange: boolean;
}

type Aggregation = 'sum' | 'avg' | 'max' | 'min' | 'count';

export interface Shape {
  /** Matchers as in PromQL, separated by commas: `job=~"$job",instance="$host"`. */
  readonly scope: string;
  /** Further matchers. */
  readonly where?: string;
  readonly legend: string;
  /** Joins series that differ in other labels than those of `legend` and `by`. */
  readonly over?: Aggregation;
  /** Labels that are kept although the legend does not show them; tables join by them. */
  readonly by?: readonly string[];
  /** Arithmetic on the result, in both languages. */
  readonly map?: (value: string) => string;
  /** Arithmetic on each series before `over` joins them. */
  readonly each?: (value: string) => string;
  /** Labels of a metric that the catalogue does not have. */
  readonly labels?: readonly string[];
}

/** The value of a metric. */
export function gauge(metric: string, shape: Shape): Query {
  const { field, measurement } = influxName(metric);
  return compose(shape, {
    promql: selector(metric, shape.scope, shape.where),
    influx: { measurement, value: `mean("${field}")`, labels: labelsOf(metric, shape) },
  });
}

/** How fast a counter grows, per second. */
export function rate(metric: string, shape: Shape): Query {
  const { field, measurement } = influxName(metric);
  return compose(shape, {
    promql: `rate(${selector(metric, shape.scope, shape.where)}[$__rate_interval])`,
    influx: {
      measurement,
      value: `non_negative_derivative(mean("${field}"), 1s)`,
      labels: labelsOf(metric, shape),
    },
  });
}

/**
 * Two metrics with the same labels, divided or subtracted.
 * @throws Error when InfluxDB keeps them in two measurements, which it cannot join
 */
export function combine(
  { left, operator, right }: { readonly left: string; readonly operator: '/' | '-'; readonly right: string },
  shape: Shape,
): Query {
  const [first, second] = [influxName(left).field, influxName(right).field];
  const own = (metric: string): string => selector(metric, shape.scope, shape.where);
  return compose(shape, {
    promql: `(${own(left)} ${operator} ${own(right)})`,
    influx: {
      measurement: sameMeasurement(left, right),
      value: `(mean("${first}") ${operator} mean("${second}"))`,
      labels: labelsOf(left, shape),
    },
  });
}

/** A metric as a part of another, 0–1. */
export function share(metric: string, whole: string, shape: Shape): Query {
  return combine({ left: metric, operator: '/', right: whole }, shape);
}

/** How fast one counter grows for each step of another with the same labels: the time of a read, the size of a write. */
export function rateShare(metric: string, whole: string, shape: Shape): Query {
  const [upper, lower] = [influxName(metric), influxName(whole)];
  const derivative = (field: string): string => `non_negative_derivative(mean("${field}"), 1s)`;
  const rateOf = (name: string): string =>
    `rate(${selector(name, shape.scope, shape.where)}[$__rate_interval])`;
  return compose(shape, {
    promql: `${rateOf(metric)} / ${rateOf(whole)}`,
    influx: {
      measurement: sameMeasurement(metric, whole),
      value: `${derivative(upper.field)} / ${derivative(lower.field)}`,
      labels: labelsOf(metric, shape),
    },
  });
}

/** The `count` largest; InfluxQL shows all. */
export function top(count: number, query: Query): Query {
  return { ...query, promql: `topk(${count}, ${query.promql})` };
}

/** A question that only one of the two languages can ask, or that each asks in its own way. */
export function written(legend: string, promql: string, influxql: InfluxQuery | null = null): Query {
  return { legend, promql, influxql };
}

/** Mean of a metric over the whole range of the board. */
export function meanOverRange(metric: string, shape: Shape): Query {
  const { field, measurement } = influxName(metric);
  const tags = keptLabels(shape);
  const range = `avg_over_time(${selector(metric, shape.scope, shape.where)}[$__range])`;
  return {
    legend: shape.legend,
    promql: aggregated('avg', tags, range),
    influxql: {
      text:
        `SELECT mean("${field}") AS "v" FROM "${measurement}" WHERE ${conditions(shape)} AND $timeFilter` +
        (tags.length === 0 ? '' : ` GROUP BY ${quoted(tags)}`),
      tags,
      isWholeRange: true,
    },
  };
}

/** `metric{scope,where}`. */
export function selector(metric: string, scope: string, where?: string): string {
  const matchers = [scope, where].filter((one) => one !== undefined && one !== '').join(',');
  return matchers === '' ? metric : `${metric}{${matchers}}`;
}

/** Names of the labels in a legend. */
function legendLabels(legend: string): readonly string[] {
  return [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
}

/** The InfluxQL text for a table with one line per set of tags; the newest value of each. */
export function influxTable({ text, tags, isWholeRange }: InfluxQuery, column: string): string {
  if (isWholeRange) return text.replace('AS "v"', `AS "${column}"`);
  const groups = tags.length === 0 ? '' : ` GROUP BY ${quoted(tags)}`;
  return `SELECT last("v") AS "${column}" FROM (${text}) WHERE $timeFilter${groups}`;
}

function sameMeasurement(metric: string, whole: string): string {
  const [one, other] = [influxName(metric).measurement, influxName(whole).measurement];
  if (one !== other) throw new Error(`divide ${metric} by ${whole}: they lie in ${one} and ${other}`);
  return one;
}

interface Parts {
  readonly promql: string;
  readonly influx: {
    readonly measurement: string;
    readonly value: string;
    readonly labels: readonly string[];
  };
}

function compose(shape: Shape, { promql, influx }: Parts): Query {
  const { legend, over, map = same, each = same } = shape;
  const kept = keptLabels(shape);
  const from = `FROM "${influx.measurement}" WHERE ${conditions(shape)} AND $timeFilter`;
  if (over === undefined) {
    const tags = [...new Set([...influx.labels, ...kept])];
    const text = `SELECT ${map(each(influx.value))} AS "v" ${from} ${perInterval(tags)}`;
    return { legend, promql: map(each(promql)), influxql: { text, tags, isWholeRange: false } };
  }
  const inner = [...new Set([...influx.labels, ...kept, 'instance'])];
  const text =
    `SELECT ${map(`${INFLUX_AGGREGATIONS[over]}("s")`)} AS "v" ` +
    `FROM (SELECT ${each(influx.value)} AS "s" ${from} ${perInterval(inner)}) WHERE $timeFilter ${perInterval(kept)}`;
  return {
    legend,
    promql: map(aggregated(over, kept, each(promql))),
    influxql: { text, tags: kept, isWholeRange: false },
  };
}

function same(value: string): string {
  return value;
}

const INFLUX_AGGREGATIONS = {
  sum: 'sum',
  avg: 'mean',
  max: 'max',
  min: 'min',
  count: 'count',
} as const satisfies Readonly<Record<Aggregation, string>>;

function aggregated(over: Aggregation, by: readonly string[], promql: string): string {
  return by.length === 0 ? `${over}(${promql})` : `${over} by (${by.join(', ')}) (${promql})`;
}

/** Empty intervals are left out: a difference across them is still the right one. */
function perInterval(tags: readonly string[]): string {
  return `GROUP BY ${['time($__interval)', ...(tags.length === 0 ? [] : [quoted(tags)])].join(', ')} fill(none)`;
}

function quoted(tags: readonly string[]): string {
  return tags.map((tag) => `"${tag}"`).join(', ');
}

function keptLabels({ legend, by = [] }: Shape): readonly string[] {
  return [...new Set([...by, ...legendLabels(legend)])];
}

/** The labels in which the series of a metric differ here: those of the catalogue that no matcher pins. */
function labelsOf(metric: string, { scope, where = '', labels }: Shape): readonly string[] {
  const own = isMetricName(metric) ? metricDefinition(metric).labels : (labels ?? []);
  const pinned = new Set(
    matchersOf(`${scope},${where}`)
      .filter(({ operator }) => operator === '=')
      .map(({ label }) => label),
  );
  return [...own, 'instance'].filter((label) => !pinned.has(label));
}

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

function matchersOf(text: string): readonly Matcher[] {
  return [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
    ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
  );
}

function conditions({ scope, where = '' }: Shape): string {
  return influxConditions(`${scope},${where}`);
}

/** Matchers of PromQL, separated by commas, as conditions of InfluxQL. */
export function influxConditions(matchers: string): string {
  return matchersOf(matchers)
    .map(({ label, operator, value }) => {
      const isPattern = operator.endsWith('~') || value.includes('$');
      const pattern = value.replaceAll(/\$(\w+)/g, '${$1:regex}').replaceAll('/', String.raw`\/`);
      const isNegated = operator.startsWith('!');
      return isPattern
        ? `"${label}" ${isNegated ? '!~' : '=~'} /^(?:${pattern})$/`
        : `"${label}" ${isNegated ? '!=' : '='} '${value}'`;
    })
    .join(' AND ');
}
