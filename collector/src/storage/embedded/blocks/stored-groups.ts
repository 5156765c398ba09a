/** The groups of a host in block files, with what their schemas say: looked up once, and asked for by sampler. */
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { TimeRange } from '../catalogue.ts';
import type { ColumnValues, Group } from '../format/group.ts';
import type { RowRange } from '../format/reader.ts';
import type { JoinedGroup } from '../rollups/rollup-run.ts';

/** Where groups stand: a block file, or several that are read as one. What is damaged is undefined. */
export interface GroupSource {
  /** Groups that end later come from a source with a larger one. */
  readonly lastPos: number;
  /** Times of the rows of a group; not to be changed. */
  times(group: Group): Float64Array | undefined;
  /** A stream of a column, undefined also when there is none. @param wanted rows that are looked at */
  column(group: Group, index: number, stream?: number, wanted?: RowRange): ColumnValues | undefined;
}

/** Rows of a host and schema in a block file. */
export interface HostGroup {
  readonly file: GroupSource;
  readonly group: Group;
  readonly schema: HashedSchema;
  /** What it is made of, when it is several that are read as one. */
  readonly joined?: JoinedGroup;
  /** Rows of another schema of its sampler stand between its own: then a rollup of it does not know what came before. */
  readonly isInterleaved?: boolean;
}

/** Finds the schemas behind the hashes in a file. */
export interface SchemaSource {
  /** Undefined when the catalogue has lost it, which only damage can cause. */
  schemaOf(this: void, hash: string): HashedSchema | undefined;
  readonly lists: SchemaLists;
}

/** What one file has of a host. */
export interface HostGroups {
  /** In the order of the file. */
  readonly all: readonly HostGroup[];
  readonly bySampler: ReadonlyMap<string, readonly HostGroup[]>;
  /** Each schema once; hosts and files with the same ones share the array. */
  readonly schemas: readonly HashedSchema[];
}

/** Lists of schemas that are remembered: hosts have few different ones. */
const LISTS_MAX = 1_000;

/** Makes one array of equal lists of schemas. */
export class SchemaLists {
  readonly #known = new Map<string, readonly HashedSchema[]>();

  of(schemas: readonly HashedSchema[]): readonly HashedSchema[] {
    const key = schemas.map(({ hash }) => hash).join(' ');
    const known = this.#known.get(key);
    // The catalogue may have given another object for the same schema since.
    if (known?.every((schema, at) => schema === schemas[at]) === true) return known;
    if (this.#known.size === LISTS_MAX) this.#known.clear();
    this.#known.set(key, schemas);
    return schemas;
  }

  /** Lets go of schemas that may be in use no more. */
  clear(): void {
    this.#known.clear();
  }
}

export function hostGroupsOf(all: readonly HostGroup[], { lists }: Pick<SchemaSource, 'lists'>): HostGroups {
  const bySampler = Map.groupBy(all, ({ schema }) => schema.sampler);
  return { all, bySampler, schemas: lists.of([...new Set(all.map(({ schema }) => schema))]) };
}

/** The groups of some samplers with readings in a range, in order of their files and, within one, as they stand there. */
export function wantedGroups(
  files: readonly HostGroups[],
  samplers: ReadonlySet<string>,
  { fromMs, toMs }: TimeRange,
): HostGroup[] {
  const found: HostGroup[] = [];
  for (const { bySampler } of files) {
    for (const sampler of samplers) {
      for (const one of bySampler.get(sampler) ?? []) {
        if (one.group.firstMs <= toMs && one.group.lastMs >= fromMs) found.push(one);
      }
    }
  }
  return found;
}
