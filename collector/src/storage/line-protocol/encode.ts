/**
 * Samples as InfluxDB's line protocol. Whatever the labels hold, a line stays one line: what the format cannot carry is
 * refused with a reason. Fields that share labels and time share a line.
 * Source: docs.influxdata.com, "InfluxDB line protocol reference"; and what InfluxDB 1.6.7 and VictoriaMetrics 1.79.5 do.
 */
import { METRIC_NAME, type Labels } from '../labels.ts';
import type { RefusedReason, RefusedSamples, SinkSeries } from '../sink.ts';
import { placeOf } from './names.ts';

/** Who reads the lines: the two differ where the format leaves room. */
export type LineReader = 'influxdb' | 'victoria-metrics';

export const LINE_LIMITS = {
  /** VictoriaMetrics cuts longer ones, which merges series (-maxLabelValueLen). */
  labelBytesMax: 16_384,
  /** InfluxDB's limit is 65,535 with a separator of four bytes (MaxKeyLength). */
  keyBytesMax: 65_535 - 4,
  /** VictoriaMetrics leaves out what is more (-maxLabelsPerTimeseries), which merges series. */
  labelsMax: 30,
  /** The last millisecond whose nanoseconds InfluxDB can hold, less one. */
  timeMsMax: 9_223_372_036_853,
} as const;

/** A line, and the series whose samples are in it. */
export interface Line {
  readonly text: string;
  readonly series: readonly Labels[];
}

export interface EncodedLines {
  /** In no order; every sample that is not refused is in exactly one. */
  readonly lines: readonly Line[];
  readonly refused: readonly RefusedSamples[];
}

/** How a series is written, or why it cannot be. */
type Head =
  | { readonly kind: 'line'; readonly key: string; readonly field: string }
  | { readonly kind: 'refused'; readonly text: string };

interface GrowingLine {
  text: string;
  readonly series: Labels[];
}

// oxlint-disable-next-line no-control-regex -- what must not reach a line
const CONTROL = /[\u0000-\u001f\u007f]/;
const CONTROL_TEXT = 'has a control character';
/** What InfluxDB wants escaped in tags and fields; in a measurement an equals sign stands for itself. */
const SPECIALS = /[,= ]/g;
const MEASUREMENT_SPECIALS = /[, ]/g;
/** Tags that InfluxDB keeps for itself; `time` it takes for the time stamp. */
const RESERVED_TAGS: ReadonlySet<string> = new Set(['time', '_field', '_measurement', '_time', '_value']);

export class LineEncoder {
  readonly #reader: LineReader;
  /** Labels that come again are written once; the caller decides how long it keeps them. */
  readonly #heads = new WeakMap<Labels, Head>();

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  /** The lines of a batch. Takes some microseconds per series, fewer when it sees the same `Labels` again. */
  encode(batch: readonly SinkSeries[]): EncodedLines {
    const byKey = new Map<string, Map<number, GrowingLine>>();
    const refused: RefusedSamples[] = [];
    for (const series of batch) {
      const head = this.#head(series.labels);
      if (head.kind === 'refused') {
        const { labels, timestamps } = series;
        refused.push({ labels, reason: 'unstorable', text: head.text, count: timestamps.length });
        continue;
      }
      let byTime = byKey.get(head.key);
      if (byTime === undefined) {
        byTime = new Map();
        byKey.set(head.key, byTime);
      }
      addSamples(byTime, { series, head, refused });
    }
    const lines: Line[] = [];
    for (const byTime of byKey.values()) {
      for (const [timeMs, { text, series }] of byTime) lines.push({ text: `${text} ${timeMs}`, series });
    }
    return { lines, refused };
  }

  #head(labels: Labels): Head {
    let head = this.#heads.get(labels);
    if (head === undefined) {
      head = headOf(labels, this.#reader);
      this.#heads.set(labels, head);
    }
    return head;
  }
}

interface SeriesToAdd {
  readonly series: SinkSeries;
  readonly head: Head & { readonly kind: 'line' };
  readonly refused: RefusedSamples[];
}

function addSamples(byTime: Map<number, GrowingLine>, { series, head, refused }: SeriesToAdd): void {
  const { labels, timestamps, values, stale } = series;
  const counts: Partial<Record<RefusedReason, number>> = {};
  for (let i = 0; i < timestamps.length; i++) {
    const timeMs = timestamps[i] ?? Number.NaN;
    const value = values[i] ?? Number.NaN;
    const reason = refusalOf(timeMs, value, stale?.[i] === 1);
    if (reason !== undefined) {
      counts[reason] = (counts[reason] ?? 0) + 1;
      continue;
    }
    const line = byTime.get(timeMs);
    if (line === undefined) {
      byTime.set(timeMs, { text: `${head.key} ${head.field}${value}`, series: [labels] });
    } else {
      line.text += `,${head.field}${value}`;
      line.series.push(labels);
    }
  }
  for (const reason of ['stale_marker', 'not_finite', 'unstorable'] as const) {
    const count = counts[reason];
    if (count !== undefined) refused.push({ labels, reason, text: REFUSAL_TEXTS[reason], count });
  }
}

const REFUSAL_TEXTS = {
  stale_marker: 'the line protocol has no stale markers',
  not_finite: 'the line protocol has neither NaN nor infinity',
  unstorable: `the time is not a whole number of milliseconds from 0 to ${LINE_LIMITS.timeMsMax}`,
} as const;

function refusalOf(timeMs: number, value: number, isStale: boolean): keyof typeof REFUSAL_TEXTS | undefined {
  if (isStale) return 'stale_marker';
  if (!Number.isFinite(value)) return 'not_finite';
  const isTime = Number.isInteger(timeMs) && timeMs >= 0 && timeMs <= LINE_LIMITS.timeMsMax;
  return isTime ? undefined : 'unstorable';
}

function headOf(labels: Labels, reader: LineReader): Head {
  const name = labels.metricName;
  if (name === '') return { kind: 'refused', text: 'a series without a name cannot be written' };
  if (CONTROL.test(name)) return { kind: 'refused', text: `the metric name ${CONTROL_TEXT}` };
  // As the first character of a line it begins a comment.
  if (name.startsWith('#')) return { kind: 'refused', text: 'the metric name begins with #' };
  if (name.endsWith('\\')) return { kind: 'refused', text: 'the metric name ends with a backslash' };
  if (!name.isWellFormed()) return { kind: 'refused', text: 'the metric name is not valid Unicode' };
  const place = placeOf(name);
  // VictoriaMetrics joins the two with an underscore, but for an empty measurement.
  const isNameless = reader === 'victoria-metrics' && place.measurement === name;
  const field = `${escaped(isNameless ? name : place.field, reader)}=`;
  let key = isNameless ? '' : escaped(place.measurement, reader, MEASUREMENT_SPECIALS);
  const count = labels.size - 1;
  if (reader === 'victoria-metrics' && count > LINE_LIMITS.labelsMax) {
    return { kind: 'refused', text: `has ${count} labels, at most ${LINE_LIMITS.labelsMax} are kept` };
  }
  for (const [label, value] of labels.entries()) {
    if (label === METRIC_NAME) continue;
    const problem = problemOf(label, value);
    if (problem !== undefined) return { kind: 'refused', text: problem };
    const tagValue = escaped(value, reader);
    // A value of nothing but backslashes: nothing is left that InfluxDB would take.
    if (tagValue === '') return { kind: 'refused', text: `label ${shown(label)} is all backslashes` };
    key += `,${escaped(label, reader)}=${tagValue}`;
  }
  if (Buffer.byteLength(key) + Buffer.byteLength(field) > LINE_LIMITS.keyBytesMax) {
    return { kind: 'refused', text: `its labels have more than ${LINE_LIMITS.keyBytesMax} bytes` };
  }
  return { kind: 'line', key, field };
}

function problemOf(label: string, value: string): string | undefined {
  if (label === '') return 'a label without a name cannot be written';
  if (RESERVED_TAGS.has(label)) return `a label cannot be called ${label} there`;
  if (label.endsWith('\\')) return `the label name ${shown(label)} ends with a backslash`;
  if (CONTROL.test(label) || CONTROL.test(value)) return `label ${shown(label)} ${CONTROL_TEXT}`;
  if (!label.isWellFormed() || !value.isWellFormed()) return `label ${shown(label)} is not valid Unicode`;
  const bytes = Math.max(Buffer.byteLength(label), Buffer.byteLength(value));
  if (bytes <= LINE_LIMITS.labelBytesMax) return undefined;
  return `label ${shown(label)} has ${bytes} bytes, at most ${LINE_LIMITS.labelBytesMax} can be written`;
}

/** A label name in a message. */
function shown(label: string): string {
  return JSON.stringify(label.length > 64 ? `${label.slice(0, 64)}…` : label);
}

/**
 * A name or tag value as it stands in a line. InfluxDB takes a backslash for itself unless it stands in front of what it
 * escapes, and refuses one at the end: that one is left out, so a Windows drive loses it. VictoriaMetrics wants each
 * doubled, and keeps all.
 */
function escaped(text: string, reader: LineReader, specials = SPECIALS): string {
  if (!/[,= \\]/.test(text)) return text;
  if (reader === 'victoria-metrics') return text.replaceAll(/[,= \\]/g, '\\$&');
  return text.replace(/\\+$/, '').replaceAll(specials, '\\$&');
}
