/**
 * Text files put together: one schema holds the series of all, so what two of them say of a metric has to agree. Pure.
 * Source of the rules: node_exporter, whose scrape fails as a whole where a file here fails alone.
 */
import { isMetricName, isMadeByCollector } from '@rollcall/shared/catalogue/metrics.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { createSchema, type SchemaMetric } from '@rollcall/shared/protocol/schema.ts';
import type { ForeignMetric } from '../layout.ts';
import { ParseError } from '../parse.ts';
import type { TextSeries } from './text-format.ts';

/** The rest of what a schema may hold is for the times of the files. */
export const SERIES_MAX = 1_900;
/** Bytes of names and labels: a schema must fit into a record as it is, with the times of the files. */
export const SCHEMA_BYTES_MAX = 104 * 1024;

/** A file that may be merged. */
export interface CheckedFile {
  readonly path: string;
  readonly series: readonly TextSeries[];
  /** What its names and labels take in a schema. */
  readonly schemaBytes: number;
}

/** A series as the sampler emits it. */
export interface ForeignSeries {
  readonly metric: ForeignMetric;
  /** In the order of the metric's label names; empty for a label that it does not have. */
  readonly labels: readonly string[];
  readonly value: number;
}

/** One metric of all files. */
interface Family {
  /** The file that had it first. */
  readonly path: string;
  readonly type: TextSeries['type'];
  readonly labels: ReadonlySet<string>;
}

/**
 * What can be said of a file without the others: names that are ours, and all that the wire demands of names and labels.
 * @throws ParseError
 */
export function checkFile(path: string, series: readonly TextSeries[]): CheckedFile {
  const byName = new Map<string, TextSeries[]>();
  for (const each of series) {
    const list = byName.get(each.name);
    if (list === undefined) byName.set(each.name, [each]);
    else list.push(each);
  }
  const metrics = Array.from(byName, ([name, list]): SchemaMetric => {
    if (isMetricName(name) || isMadeByCollector(name))
      throw new ParseError(`metric ${name} is one of Rollcall's own; give it another name`);
    const labelNames = sortedNames(list.flatMap(({ labels }) => labels.map(([label]) => label)));
    const rows = list.map(({ labels }) => valuesOf(labels, labelNames));
    return { name, unit: '', type: 'gauge', encoding: 'float64', scale: 0, labelNames, series: rows };
  });
  try {
    const { bytes } = createSchema({ sampler: 'textfile', intervalMs: 1, metrics });
    return { path, series, schemaBytes: bytes.length };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new ParseError(error.message);
  }
}

/** The files that agree with those before them, and why the others do not. */
export class Merge {
  readonly #known: ReadonlyMap<string, ForeignMetric>;
  readonly #families = new Map<string, Family>();
  /** The file that has a series, by the key of the series. */
  readonly #pathOf = new Map<string, string>();
  readonly #series: TextSeries[] = [];
  #schemaBytes = 0;

  /** @param known metrics of an earlier merge: one that is the same stays the same object */
  constructor(known: ReadonlyMap<string, ForeignMetric>) {
    this.#known = known;
  }

  /**
   * Takes a file in, or none of it.
   * @throws ParseError naming the metric, and the other file when there is one
   */
  add({ path, series, schemaBytes }: CheckedFile): void {
    const count = this.#series.length + series.length;
    if (count > SERIES_MAX)
      throw new ParseError(
        `its ${series.length} series would make ${count} of all text files, at most ${SERIES_MAX} are allowed`,
      );
    // Another file may have given a metric more labels, which take a byte each where they are empty.
    const bytes = this.#schemaBytes + schemaBytes + series.length * LIMITS.labelsPerSeries;
    if (bytes > SCHEMA_BYTES_MAX)
      throw new ParseError(
        `names and labels of all text files would take ${bytes} bytes, at most ${SCHEMA_BYTES_MAX} are allowed`,
      );
    const changed = new Map<string, Family>();
    for (const each of series) changed.set(each.name, this.#joined(each, path, changed));
    for (const [name, family] of changed) this.#families.set(name, family);
    for (const { key } of series) this.#pathOf.set(key, path);
    this.#series.push(...series);
    this.#schemaBytes = bytes;
  }

  /** The metrics by name, and all series in the order of the files. */
  result(): {
    readonly metrics: ReadonlyMap<string, ForeignMetric>;
    readonly series: readonly ForeignSeries[];
  } {
    const metrics = new Map<string, ForeignMetric>();
    for (const [name, family] of this.#families) metrics.set(name, this.#metric(name, family));
    const series = this.#series.flatMap(({ name, labels, value }): ForeignSeries[] => {
      const metric = metrics.get(name);
      return metric === undefined ? [] : [{ metric, labels: valuesOf(labels, metric.labels), value }];
    });
    return { metrics, series };
  }

  /** The family of a series as it becomes with the series. */
  #joined(series: TextSeries, path: string, changed: ReadonlyMap<string, Family>): Family {
    const { name, type, key } = series;
    const earlier = this.#pathOf.get(key);
    if (earlier !== undefined) throw new ParseError(`a series of metric ${name} stands in ${earlier} too`);
    const family = changed.get(name) ?? this.#families.get(name) ?? { path, type, labels: new Set() };
    if (family.type !== type)
      throw new ParseError(`metric ${name} is a ${type} here and a ${family.type} in ${family.path}`);
    if (series.labels.every(([label]) => family.labels.has(label))) return family;
    const labels = new Set([...family.labels, ...series.labels.map(([label]) => label)]);
    if (labels.size > LIMITS.labelsPerSeries)
      throw new ParseError(
        `metric ${name} would have ${labels.size} labels together with ${family.path}, at most ${LIMITS.labelsPerSeries} are allowed`,
      );
    return { ...family, labels };
  }

  #metric(name: string, family: Family): ForeignMetric {
    const labels = sortedNames(family.labels);
    const known = this.#known.get(name);
    const isSame = known?.type === family.type && known.labels.join() === labels.join();
    return isSame ? known : { name, type: family.type, labels };
  }
}

function sortedNames(names: Iterable<string>): string[] {
  return [...new Set(names)].sort(compareUtf8);
}

function valuesOf(labels: TextSeries['labels'], names: readonly string[]): string[] {
  const values = new Map(labels);
  return names.map((name) => values.get(name) ?? '');
}
