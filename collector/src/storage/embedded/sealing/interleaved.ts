/**
 * Rollups of a sampler of a host whose schemas take turns: a device that comes and goes leads from one schema to another and
 * back. What a counter rose by in between must not be counted with both, so their rows are looked at together, series by
 * series, and each rollup goes to the schema that had the series last in its span.
 */
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { STATE } from '../blocks/block.ts';
import type { Column } from '../format/group.ts';
import { labelsOf } from '../reads/matching.ts';
import type { RowSource } from './join-rows.ts';
import {
  combineColumn,
  counterColumns,
  increaseBetween,
  ROLLUP,
  ROLLUP_MS,
  rollUpColumn,
  spansOf,
  type Spans,
} from './rollup.ts';
import type { SchemaGroup } from './tick-columns.ts';

/** A group of a file that is merged. */
export interface InputRows extends RowSource {
  /** Which of the files, in order of their samples. */
  readonly input: number;
  /** Which of the groups of the host in this file. */
  readonly place: number;
}

/** What the files have of one schema. */
export interface SchemaInputs {
  readonly schema: HashedSchema;
  readonly sources: readonly InputRows[];
}

/**
 * Whether schemas of one sampler do not simply follow each other.
 * @param schemas groups of each of them
 * @param isRollup schemas that follow each other may both have a rollup of the span of the change
 */
export function takeTurns(schemas: readonly (readonly RowSource[])[], isRollup: boolean): boolean {
  const reaches = schemas
    .map((sources) => ({
      firstMs: Math.min(...sources.map(({ timesMs }) => timesMs[0] ?? Number.POSITIVE_INFINITY)),
      lastMs: Math.max(...sources.map(({ timesMs }) => timesMs.at(-1) ?? Number.NEGATIVE_INFINITY)),
    }))
    .sort((left, right) => left.firstMs - right.firstMs || left.lastMs - right.lastMs);
  return reaches.some(({ firstMs }, at) => {
    const before = reaches[at - 1]?.lastMs ?? Number.NEGATIVE_INFINITY;
    return isRollup ? firstMs < before : firstMs <= before;
  });
}

/**
 * The rollups of what an agent sampled, those of five minutes and of an hour. Each schema has a row for each span in which it
 * had one; of each series at most one schema has a rollup of a span. What it rose by is counted from the rollup before, of
 * whatever schema.
 * @param parts schemas of one sampler, in the order in which their samples count
 */
export function rollUpTogether(parts: readonly SchemaGroup[]): {
  readonly fine: readonly SchemaGroup[];
  readonly coarse: readonly SchemaGroup[];
} {
  const fine = together(parts, ROLLUP_MS['5m'], (column, spans, isCounter) =>
    rollUpColumn(column, spans, { isCounter, hasDerivedEnds: true }),
  );
  return { fine, coarse: together(fine, ROLLUP_MS['1h'], combineColumn) };
}

function together(
  parts: readonly SchemaGroup[],
  spanMs: number,
  roll: (column: Column, spans: Spans, isCounter: boolean) => Column,
): readonly SchemaGroup[] {
  const timesMs = unionOf(parts.map(({ group }) => group.timesMs));
  const spans = spansOf(timesMs, spanMs);
  const rows = parts.map(({ group }) => positionsIn(timesMs, group.timesMs));
  const own = parts.map(({ group }) => spansOf(group.timesMs, spanMs).timesMs);
  const ownRows = own.map((spanTimesMs) => positionsIn(spans.timesMs, spanTimesMs));
  const made = own.map((spanTimesMs, part) => blank(parts[part], spanTimesMs.length));
  for (const { isCounter, members } of seriesOf(parts.map(({ schema }) => schema))) {
    const columns = members.map(({ part, index }) => ({
      part,
      rows: rows[part] ?? NO_ROWS,
      column: parts[part]?.group.columns[index] ?? NO_COLUMN,
    }));
    const { column, owners } = unionColumn(columns, timesMs.length);
    const rolled = roll(column, spans, isCounter);
    const spanOwners = lastOwners(spans, owners);
    for (const { part, index } of members) {
      const columnsOf = made[part];
      if (columnsOf !== undefined)
        columnsOf[index] = share(rolled, spanOwners, { part, rows: ownRows[part] ?? NO_ROWS });
    }
  }
  return parts.map(({ schema, group }, part) => ({
    schema,
    group: { ...group, timesMs: own[part] ?? group.timesMs, columns: made[part] ?? [] },
  }));
}

/**
 * Rollups of several files as those of one. The first increase of each group is completed, which adds nothing where it is
 * counted from a rollup of another schema already. Rollups of one series and span become one.
 * @param schemas those of one sampler of a host
 */
export function joinTogether(hostId: string, schemas: readonly SchemaInputs[]): readonly SchemaGroup[] {
  const sources = schemas.flatMap((one, part) => one.sources.map((source) => new Source(one, source, part)));
  for (const source of sources) source.isApart = sources.every((other) => source.isBehind(other));
  const rows = sources
    .flatMap((source) => Array.from(source.timesMs, (timeMs, row) => ({ timeMs, source, row })))
    .sort((left, right) => left.timeMs - right.timeMs || Source.compare(left.source, right.source));
  const own = schemas.map((one) => unionOf(one.sources.map(({ timesMs }) => timesMs)));
  const made = own.map((timesMs, part) => blank(schemas[part], timesMs.length));
  for (const { isCounter, members } of seriesOf(schemas.map(({ schema }) => schema))) {
    for (const source of sources) source.column = undefined;
    for (const { part, index } of members)
      for (const source of sources) if (source.part === part) source.column = source.columns[index];
    const present = rows.filter(
      ({ source: { column }, row }) => column !== undefined && stateOf(column, row) === STATE.PRESENT,
    );
    const { rolled, timesMs, owners } = joinPresent(present, isCounter);
    for (const { part, index } of members) {
      const columnsOf = made[part];
      const places = positionsIn(timesMs, own[part] ?? timesMs);
      if (columnsOf !== undefined) columnsOf[index] = share(rolled, owners, { part, rows: places });
    }
  }
  return schemas.map(({ schema }, part) => ({
    schema,
    group: {
      hostId,
      schemaHash: schema.hash,
      timesMs: own[part] ?? new Float64Array(),
      columns: made[part] ?? [],
    },
  }));
}

/** A group while rollups are joined. */
class Source {
  readonly timesMs: Float64Array;
  /** Undefined where there is nothing of the series. */
  readonly columns: readonly (Column | undefined)[];
  /** The one of the series that is being joined. */
  column: Column | undefined;
  readonly part: number;
  readonly #rows: InputRows;
  /** Whether it knows nothing of what was before it, because all other files end before it or begin later. */
  isApart = true;

  constructor({ schema }: SchemaInputs, rows: InputRows, part: number) {
    this.timesMs = rows.timesMs;
    const columns = Array.from({ length: schema.seriesCount }, (_, index) => rows.column(index));
    this.columns = columns.map((one) => (hasValues(one) ? one : undefined));
    this.part = part;
    this.#rows = rows;
  }

  /** Of rollups of one time: where a schema replaced another, the group of that one begins and ends earlier. */
  static compare(left: Source, right: Source): number {
    const [one, other] = [left.#rows, right.#rows];
    if (one.input !== other.input) return one.input - other.input;
    const byFirst = (one.timesMs[0] ?? 0) - (other.timesMs[0] ?? 0);
    const byLast = (one.timesMs.at(-1) ?? 0) - (other.timesMs.at(-1) ?? 0);
    return byFirst || byLast || one.place - other.place;
  }

  /** Whether it does not begin within another file. */
  isBehind(other: Source): boolean {
    const [firstMs = 0] = this.timesMs;
    return (
      other.#rows.input === this.#rows.input ||
      (other.timesMs[0] ?? 0) > firstMs ||
      (other.timesMs.at(-1) ?? 0) < firstMs
    );
  }
}

interface SourceRow {
  readonly timeMs: number;
  readonly source: Source;
  readonly row: number;
}

/** One column of all rollups of a series, and of which schema each of them is. */
function joinPresent(
  present: readonly SourceRow[],
  isCounter: boolean,
): { readonly rolled: Column; readonly timesMs: Float64Array; readonly owners: Int32Array } {
  const streams = Object.values(ROLLUP).map((stream) =>
    present.some(({ source }) => source.column?.streams[stream] !== undefined)
      ? valuesOf(present, stream)
      : undefined,
  );
  if (isCounter) completeIncreases(streams, present);
  const begins = present.flatMap(({ timeMs }, at) => (timeMs === present[at - 1]?.timeMs ? [] : [at]));
  const timesMs = Float64Array.from(begins, (at) => present[at]?.timeMs ?? 0);
  const spans = { begins: Uint32Array.from([...begins, present.length]), timesMs };
  const rolled = combineColumn({ states: undefined, streams }, spans);
  return {
    rolled,
    timesMs,
    owners: lastOwners(
      spans,
      Int32Array.from(present, ({ source }) => source.part),
    ),
  };
}

function valuesOf(present: readonly SourceRow[], stream: number): Float64Array {
  const values = new Float64Array(present.length);
  for (const [at, { source, row }] of present.entries())
    values[at] = source.column?.streams[stream]?.[row] ?? Number.NaN;
  return values;
}

/** Adds to the first increase of each group what the counter rose by since whatever was before. */
function completeIncreases(streams: Column['streams'], present: readonly SourceRow[]): void {
  const lasts = streams[ROLLUP.LAST];
  const increases = streams[ROLLUP.INCREASE];
  if (lasts === undefined || increases === undefined) return;
  const begun = new Set<Source>();
  let before = Number.NaN;
  for (const [at, { source }] of present.entries()) {
    const last = lasts[at] ?? Number.NaN;
    const increase = increases[at] ?? Number.NaN;
    if (!begun.has(source) && source.isApart && !Number.isNaN(before))
      increases[at] = increase + increaseBetween(before, { last, increase });
    begun.add(source);
    before = last;
  }
}

/** A series, and its columns in the schemas that have it. */
interface SharedSeries {
  readonly isCounter: boolean;
  readonly members: readonly { readonly part: number; readonly index: number }[];
}

/** The series of all schemas, each once. */
function seriesOf(schemas: readonly HashedSchema[]): readonly SharedSeries[] {
  const found = new Map<string, { isCounter: boolean; members: { part: number; index: number }[] }>();
  for (const [part, schema] of schemas.entries()) {
    for (const [index, isCounter] of counterColumns(schema, '').entries()) {
      // What became a counter is another series: its rollups have other streams.
      let key = `${isCounter ? 'counter' : 'gauge'} ${labelsOf(schema, index, []).key}`;
      // Labels without a value can make two series of a schema look the same.
      while (found.get(key)?.members.at(-1)?.part === part) key += ' again';
      const series = found.get(key);
      if (series === undefined) found.set(key, { isCounter, members: [{ part, index }] });
      else series.members.push({ part, index });
    }
  }
  return [...found.values()];
}

/** A column over the rows of all schemas, and which of them each value is from. */
function unionColumn(
  members: readonly { readonly part: number; readonly rows: Uint32Array; readonly column: Column }[],
  length: number,
): { readonly column: Column; readonly owners: Int32Array } {
  const states = new Uint8Array(length);
  const owners = new Int32Array(length).fill(NOBODY);
  const streamCount = Math.max(...members.map(({ column }) => column.streams.length));
  const streams = Array.from({ length: streamCount }, (_, stream) =>
    members.some(({ column }) => column.streams[stream] !== undefined) ? new Float64Array(length) : undefined,
  );
  for (const { part, rows, column } of members) {
    if (!hasValues(column)) continue;
    for (let from = 0; from < rows.length; from++) {
      const to = rows[from] ?? 0;
      const state = stateOf(column, from);
      if (states[to] === STATE.PRESENT || state === STATE.ABSENT) continue;
      states[to] = state;
      if (state !== STATE.PRESENT) continue;
      owners[to] = part;
      for (let stream = 0; stream < streams.length; stream++) {
        const values = streams[stream];
        if (values !== undefined) values[to] = column.streams[stream]?.[from] ?? Number.NaN;
      }
    }
  }
  return { column: { states, streams }, owners };
}

/** Who has the last value in each span. */
function lastOwners({ begins, timesMs }: Spans, owners: Int32Array): Int32Array {
  return Int32Array.from(timesMs, (_, at) => {
    let row = (begins[at + 1] ?? 0) - 1;
    while (row > (begins[at] ?? 0) && owners[row] === NOBODY) row--;
    return owners[row] ?? NOBODY;
  });
}

/** What one schema gets of a column: nothing where the last value is from another one. */
function share(
  { states, streams }: Column,
  owners: Int32Array,
  { part, rows }: { readonly part: number; readonly rows: Uint32Array },
): Column {
  const own = new Uint8Array(rows.length);
  for (let to = 0; to < own.length; to++) {
    const row = rows[to] ?? NOWHERE;
    const state = row === NOWHERE ? STATE.ABSENT : (states?.[row] ?? STATE.PRESENT);
    own[to] = state === STATE.PRESENT && owners[row] !== part ? STATE.ABSENT : state;
  }
  return {
    states: own.every((state) => state === STATE.PRESENT) ? undefined : own,
    streams: streams.map((values) => values && pick(values, rows)),
  };
}

/** Values of some rows; where there is no row anything will do. */
function pick(values: Float64Array, rows: Uint32Array): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let to = 0; to < picked.length; to++) picked[to] = values[rows[to] ?? 0] ?? 0;
  return picked;
}

/** Of no schema. */
const NOBODY = -1;
/** A time that is not there. */
const NOWHERE = 2 ** 32 - 1;
const NO_ROWS = new Uint32Array();
const NO_COLUMN: Column = { states: undefined, streams: [] };

function stateOf({ states }: Column, row: number): number {
  return states === undefined ? STATE.PRESENT : (states[row] ?? STATE.ABSENT);
}

/** Whether there is anything of a series; a file keeps nothing where each row is absent. */
function hasValues({ streams }: Column): boolean {
  return streams.some((values) => values !== undefined);
}

/** Room for the columns of a schema. One without series still has one column; see tick-columns.ts. */
function blank(part: { readonly schema: HashedSchema } | undefined, length: number): Column[] {
  if (part !== undefined && part.schema.seriesCount > 0) return [];
  return [{ states: new Uint8Array(length), streams: Object.values(ROLLUP).map(() => undefined) }];
}

function unionOf(all: readonly Float64Array[]): Float64Array {
  return Float64Array.from(new Set(all.flatMap((timesMs) => [...timesMs]))).sort();
}

/** Where each of the times stands among others, NOWHERE if it does not; both rise. */
function positionsIn(timesMs: Float64Array, wanted: Float64Array): Uint32Array {
  const positions = new Uint32Array(wanted.length).fill(NOWHERE);
  let at = 0;
  for (let to = 0; to < wanted.length; to++) {
    const timeMs = wanted[to] ?? 0;
    while (at < timesMs.length && (timesMs[at] ?? 0) < timeMs) at++;
    if (timesMs[at] === timeMs) positions[to] = at;
  }
  return positions;
}
