/** The shape of a catalogue row, and short forms for the rows that differ only in a few columns. */

export interface MetricDefinition {
  readonly type: 'gauge' | 'counter';
  /**
   * Base unit: `bytes`, `seconds`; `count` when things are counted, `bool` for 0 and 1, `info` when the value is always
   * 1, `version` for a version as a decimal number.
   */
  readonly unit: string;
  /** Label names in UTF-8 order, which is also the order in which samplers give the values. */
  readonly labels: readonly string[];
  /** Decimals kept when values travel as integers. A value with more of them turns the metric into float64. */
  readonly scale: number;
  /** One sentence for people; shown by query editors. */
  readonly help: string;
  /** Who makes the samples: an agent, or the collector on behalf of a host. */
  readonly madeBy: 'agent' | 'collector';
}

/** Decimals of kernel times counted in jiffies of 1/100 s. */
export const JIFFIES_SCALE = 2;
/** Decimals of times counted in milliseconds. */
export const MS_SCALE = 3;
/** Decimals of times measured in microseconds. */
export const US_SCALE = 6;

interface Columns<Labels extends readonly string[]> {
  readonly unit: string;
  readonly labels: Labels;
  readonly scale: number;
  readonly help: string;
}

export function gauge<const Labels extends readonly string[]>(columns: Columns<Labels>) {
  return { type: 'gauge', madeBy: 'agent', ...columns } as const;
}

export function counter<const Labels extends readonly string[]>(columns: Columns<Labels>) {
  return { type: 'counter', madeBy: 'agent', ...columns } as const;
}

/** A gauge that the collector makes on behalf of a host. */
export function collectorGauge<const Labels extends readonly string[]>(columns: Columns<Labels>) {
  return { type: 'gauge', madeBy: 'collector', ...columns } as const;
}

/** A counter that the collector makes on behalf of a host. */
export function collectorCounter<const Labels extends readonly string[]>(columns: Columns<Labels>) {
  return { type: 'counter', madeBy: 'collector', ...columns } as const;
}

/** A gauge that is always 1 and carries facts in its labels. */
export function facts<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return gauge({ unit: 'info', labels, scale: 0, help });
}
