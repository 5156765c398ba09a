/**
 * Rollup files of consecutive days read as one. A chart of a month is about one column of each of thirty files, and finding
 * thirty pieces of 24 rows takes many times as long as reading 720 rows that stand together.
 */
import { STATE } from '../blocks/block.ts';
import type { BlockRow } from '../../../journal/blocks.ts';
import type { FileCache } from '../blocks/block-cache.ts';
import type { ColumnValues, Group } from '../format/group.ts';
import { joined } from '../recent/joined-times.ts';
import {
  hostGroupsOf,
  type GroupSource,
  type HostGroup,
  type HostGroups,
  type SchemaSource,
} from '../blocks/stored-groups.ts';

/** Groups of one schema, each later than the one before, that are read as one. */
export class JoinedGroup {
  readonly parts: readonly HostGroup[];
  /** The row that each part begins with; empty until the times were read. */
  starts: readonly number[] = [];
  /** Columns of which parts are damaged: those are to be read part by part. */
  readonly broken = new Set<number>();

  constructor(parts: readonly HostGroup[]) {
    this.parts = parts;
  }
}

/** A file of rollups, or one whose samples are read as such; it keeps nothing of what was read. */
export interface RolledUpFile extends GroupSource {
  readonly row: BlockRow;
  /** What it has of a host, in the order of the file; a group whose schema is lost is left out. */
  groups(hostId: string, schemas: SchemaSource): readonly HostGroup[];
}

export class RollupRun implements GroupSource {
  readonly files: readonly RolledUpFile[];
  readonly #cache: FileCache;
  readonly #joined = new WeakMap<Group, JoinedGroup>();

  /** @param files in order of their windows @param cache keeps what was put together; without one this saves nothing */
  constructor(files: readonly RolledUpFile[], cache: FileCache) {
    this.files = files;
    this.#cache = cache;
  }

  get lastPos(): number {
    return this.files.reduce((lastPos, file) => Math.max(lastPos, file.lastPos), 0);
  }

  /** What all files have of a host. Not to be changed. */
  hostGroups(hostId: string, schemas: SchemaSource): HostGroups {
    const read = (): HostGroups => {
      const all = this.files.flatMap((file) => file.groups(hostId, schemas));
      return hostGroupsOf(
        risingRuns(all).map((parts) => this.#join(parts)),
        schemas,
      );
    };
    return this.#cache.groups(hostId, read) ?? read();
  }

  times(group: Group): Float64Array | undefined {
    return this.#cache.times(group, () => {
      const all = this.#partsOf(group).map(({ file, group: part }) => file.times(part));
      if (!all.every((times) => times !== undefined)) return undefined;
      const joinedGroup = this.#joined.get(group);
      if (joinedGroup !== undefined) joinedGroup.starts = startsOf(all);
      return joined(all);
    });
  }

  /** Undefined also when some parts are damaged; then the column counts as broken. */
  column(group: Group, index: number, stream = 0): ColumnValues | undefined {
    return this.#cache.column(group, { index, stream, wanted: undefined }, () => {
      const parts = this.#partsOf(group).map(({ file, group: part }) => file.column(part, index, stream));
      if (parts.every((part) => part === undefined)) return 'absent';
      if (parts.every((part) => part !== undefined)) return joinedColumn(parts);
      this.#joined.get(group)?.broken.add(index);
      return undefined;
    });
  }

  close(): void {
    this.#cache.close();
  }

  #join(parts: readonly HostGroup[]): HostGroup {
    const [first] = parts;
    if (first === undefined) throw new TypeError('a run without groups');
    const sum = (of: (group: Group) => number): number =>
      parts.reduce((total, { group }) => total + of(group), 0);
    const rowCount = sum((group) => group.rowCount);
    const group: Group = {
      ...first.group,
      rowCount,
      sampleCount: sum(({ sampleCount }) => sampleCount),
      lastMs: parts.at(-1)?.group.lastMs ?? first.group.lastMs,
      segmentRows: [rowCount],
    };
    const joinedGroup = new JoinedGroup(parts);
    this.#joined.set(group, joinedGroup);
    const isInterleaved = parts.some((part) => part.isInterleaved === true);
    return { file: this, group, schema: first.schema, joined: joinedGroup, isInterleaved };
  }

  #partsOf(group: Group): readonly HostGroup[] {
    return this.#joined.get(group)?.parts ?? [];
  }
}

/**
 * Groups of one schema that follow each other, each later than the one before. Another schema of the sampler in between ends
 * a run: in the span of the change both have a rollup, and which one is older must stay visible.
 */
function risingRuns(all: readonly HostGroup[]): readonly (readonly HostGroup[])[] {
  const runs: HostGroup[][] = [];
  const newest = new Map<string, HostGroup[]>();
  for (const one of all.toSorted((left, right) => left.group.firstMs - right.group.firstMs)) {
    const { sampler } = one.schema;
    const run = newest.get(sampler);
    const last = run?.at(-1);
    if (run !== undefined && last?.schema === one.schema && one.group.firstMs > last.group.lastMs) {
      run.push(one);
      continue;
    }
    const begun = [one];
    runs.push(begun);
    newest.set(sampler, begun);
  }
  return runs;
}

/** The position that each array begins with when they stand one behind the other. */
function startsOf(arrays: readonly Float64Array[]): readonly number[] {
  let at = 0;
  return arrays.map(({ length }) => {
    at += length;
    return at - length;
  });
}

function joinedColumn(parts: readonly ColumnValues[]): ColumnValues {
  const values = joined(parts.map((part) => part.values));
  if (parts.every(({ states }) => states === undefined)) return { values, states: undefined };
  const states = new Uint8Array(values.length).fill(STATE.PRESENT);
  let at = 0;
  for (const part of parts) {
    if (part.states !== undefined) states.set(part.states, at);
    at += part.values.length;
  }
  return { values, states };
}
