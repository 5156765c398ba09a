/**
 * The rollups of a file of samples, made when they are read. Those of a day are written when the day is over; until then a
 * chart of weeks would read each sample of its last day, which are more than all of its rollups.
 */
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { BlockRow } from '../../../journal/blocks.ts';
import type { FileCache } from '../blocks/block-cache.ts';
import type { Column, ColumnValues, Group } from '../format/group.ts';
import { MADE_RESOLUTION } from './resolution.ts';
import type { RolledUpFile } from './rollup-run.ts';
import { counterColumns, ROLLUP_MS, rollUp } from '../sealing/rollup.ts';
import { hostGroupsOf, type HostGroup, type HostGroups, type SchemaSource } from '../blocks/stored-groups.ts';

const SPAN_MS = ROLLUP_MS[MADE_RESOLUTION];

/** What a group is made of. */
interface Samples {
  readonly group: Group;
  readonly schema: HashedSchema;
}

export class MadeRollups implements RolledUpFile {
  readonly #file: RolledUpFile;
  readonly #cache: FileCache | undefined;
  readonly #samples = new WeakMap<Group, Samples>();
  /** What was read last: all streams of a column are asked for, and then the next column of the same group. */
  #times: { readonly group: Group; readonly timesMs: Float64Array | undefined } | undefined;
  #column: { readonly group: Group; readonly index: number; readonly column: Column | undefined } | undefined;
  #counters: { readonly schema: HashedSchema; readonly isCounter: readonly boolean[] } | undefined;

  /** @param file with samples @param cache keeps what was made: an hour later it is put together with one hour more */
  constructor(file: RolledUpFile, cache: FileCache | undefined) {
    this.#file = file;
    this.#cache = cache;
  }

  get row(): BlockRow {
    return this.#file.row;
  }

  get lastPos(): number {
    return this.#file.lastPos;
  }

  /** As many rows as the spans from the first to the last; times without a reading have none. */
  groups(hostId: string, schemas: SchemaSource): readonly HostGroup[] {
    const read = (): HostGroups => {
      const found = this.#file.groups(hostId, schemas);
      const interleaved = hostId === COLLECTOR_AGENT_ID ? NO_GROUPS : interleavedOf(found);
      const all = found.map((one): HostGroup => {
        const { group: samples, schema } = one;
        const [firstMs, lastMs] = [spanEnd(samples.firstMs), spanEnd(samples.lastMs)];
        const rowCount = (lastMs - firstMs) / SPAN_MS + 1;
        const group = { ...samples, firstMs, lastMs, rowCount, segmentRows: [rowCount] };
        this.#samples.set(group, { group: samples, schema });
        return { file: this, group, schema, isInterleaved: interleaved.has(one) };
      });
      return hostGroupsOf(all, schemas);
    };
    return (this.#cache?.groups(hostId, read) ?? read()).all;
  }

  times(group: Group): Float64Array | undefined {
    const make = () => this.#makeTimes(group);
    return this.#cache === undefined ? make() : this.#cache.times(group, make);
  }

  column(group: Group, index: number, stream = 0): ColumnValues | undefined {
    const make = () => this.#makeColumn(group, index, stream);
    if (this.#cache === undefined) return make();
    return this.#cache.column(group, { index, stream, wanted: undefined }, make);
  }

  #makeTimes(group: Group): Float64Array | undefined {
    const samples = this.#samples.get(group);
    const timesMs = samples && this.#timesOf(samples.group);
    return timesMs && rollUp({ ...group, timesMs, columns: [] }, SPAN_MS, NO_COLUMNS).timesMs;
  }

  #makeColumn(group: Group, index: number, stream: number): ColumnValues | undefined {
    if (this.#column?.group !== group || this.#column.index !== index)
      this.#column = { group, index, column: this.#read(group, index) };
    const { column } = this.#column;
    const values = column?.streams[stream];
    return values === undefined ? undefined : { values, states: column?.states };
  }

  #read(group: Group, index: number): Column | undefined {
    const samples = this.#samples.get(group);
    if (samples === undefined) return undefined;
    const timesMs = this.#timesOf(samples.group);
    const read = this.#file.column(samples.group, index);
    if (timesMs === undefined || read === undefined) return undefined;
    const column = { states: read.states, streams: [read.values] };
    const { columns } = rollUp({ ...group, timesMs, columns: [column] }, SPAN_MS, {
      isCounter: [this.#isCounter(samples.schema, group.hostId)[index] ?? false],
      hasDerivedEnds: group.hostId !== COLLECTOR_AGENT_ID,
    });
    return columns[0];
  }

  #timesOf(group: Group): Float64Array | undefined {
    if (this.#times?.group !== group) this.#times = { group, timesMs: this.#file.times(group) };
    return this.#times.timesMs;
  }

  #isCounter(schema: HashedSchema, hostId: string): readonly boolean[] {
    if (this.#counters?.schema !== schema)
      this.#counters = { schema, isCounter: counterColumns(schema, hostId) };
    return this.#counters.isCounter;
  }
}

const NO_GROUPS: ReadonlySet<HostGroup> = new Set();

/** Groups whose times overlap with those of another one of the same sampler. */
function interleavedOf(all: readonly HostGroup[]): ReadonlySet<HostGroup> {
  const found = new Set<HostGroup>();
  for (const some of Map.groupBy(all, ({ schema }) => schema.sampler).values()) {
    for (const left of some)
      for (const right of some)
        if (
          left !== right &&
          left.group.firstMs <= right.group.lastMs &&
          right.group.firstMs <= left.group.lastMs
        )
          found.add(left);
  }
  return found;
}

const NO_COLUMNS = { isCounter: [], hasDerivedEnds: false };

/** The time that a rollup is dated with. */
function spanEnd(timeMs: number): number {
  return (Math.floor(timeMs / SPAN_MS) + 1) * SPAN_MS - 1;
}
