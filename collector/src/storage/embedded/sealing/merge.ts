/** Merges blocks into one for a longer window, and makes the rollups of raw ones on the way. */
import { join } from 'node:path';
import type { Disk, DiskFile } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { BlockResolution, BlockRow } from '../../../journal/blocks.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { JournalSnapshot } from '../../../journal/reader.ts';
import { STREAMS } from '../format/block-file.ts';
import type { Column, Group, GroupColumns, PackedGroup } from '../format/group.ts';
import { BlockReader } from '../format/reader.ts';
import type { BlockWriter } from '../format/writer.ts';
import { joinTogether, rollUpTogether, takeTurns, type InputRows, type SchemaInputs } from './interleaved.ts';
import { GROUP_ROWS_MAX, joinRows, packRows, type JoinedRows } from './join-rows.ts';
import { BlockOutput, schemasOfBlock } from './output.ts';
import { counterColumns, ROLLUP_MS, rollUp, rollUpFurther } from './rollup.ts';
import type { MadeBlock, Window } from './seal.ts';

export interface MergeOptions {
  readonly inputs: readonly BlockRow[];
  readonly window: Window;
  /** Files to be made: of the inputs' own resolution, and of rollups when the inputs are raw. */
  readonly outputs: readonly { readonly resolution: BlockResolution; readonly file: string }[];
  /** Agent ids whose data is left out. */
  readonly without: ReadonlySet<string>;
  readonly disk: Disk;
  readonly dir: string;
  readonly yieldToLoop: () => Promise<void>;
}

/**
 * Writes the merged blocks. Host by host, so memory does not grow with the fleet.
 * @returns the blocks that hold anything
 * @throws AppError BLOCK_DAMAGED (an input cannot be read whole: then it must stay as it is), DISK_FAILED
 */
export async function mergeBlocks(
  snapshot: JournalSnapshot,
  options: MergeOptions,
): Promise<readonly MadeBlock[]> {
  const inputs = options.inputs
    .toSorted((left, right) => left.lastPos - right.lastPos || left.id - right.id)
    .map((row) => new Input(row, options));
  const isRollup = options.inputs.some(({ resolution }) => resolution !== 'raw');
  const outputs = options.outputs.map((output) => new Output(output, options));
  const hasRollups = outputs.some(({ resolution }) => resolution !== 'raw');
  try {
    for (const hostId of hostsOf(inputs)) {
      if (options.without.has(hostId)) continue;
      const all = sourcesOf(inputs, hostId, snapshot);
      const together = hasRollups ? inTurns(all, { hostId, isRollup }) : NO_TURNS;
      for (const one of all) {
        const some = together.get(one.schema.sampler);
        if (some === undefined) addMerged({ hostId, ...one, isRollup }, outputs);
        else if (some[0] === one) addTogether(hostId, some, { isRollup, outputs });
      }
      await options.yieldToLoop();
    }
    const made: MadeBlock[] = [];
    for (const output of outputs) made.push(...(await output.finish(options)));
    return made;
  } catch (error) {
    for (const output of outputs) output.drop();
    throw error;
  } finally {
    for (const input of inputs) input.close();
  }
}

/** A block that is read whole. */
class Input {
  readonly reader: BlockReader;
  readonly #file: DiskFile;

  constructor(row: BlockRow, { disk, dir }: MergeOptions) {
    const file = disk.open(join(dir, row.file), 'read');
    this.#file = file;
    const source = {
      sizeBytes: file.sizeBytes,
      read(offset: number, length: number): Buffer {
        const target = Buffer.allocUnsafe(length);
        return target.subarray(0, file.read(target, offset));
      },
    };
    this.reader = new BlockReader(source, row.file);
  }

  source(group: Group, at: Pick<InputRows, 'input' | 'place'>): InputRows {
    const { reader } = this;
    const streamCount = STREAMS[reader.resolution].length;
    return {
      ...at,
      timesMs: reader.times(group),
      segmentRows: group.segmentRows,
      packed: () => reader.packed(group),
      column: (index): Column => {
        const all = Array.from({ length: streamCount }, (_, stream) => reader.column(group, index, stream));
        return {
          states: all.find((column) => column !== undefined)?.states,
          streams: all.map((column) => column?.values),
        };
      },
    };
  }

  close(): void {
    this.#file.close();
  }
}

/** A block on its way; the file is begun with its first group. */
class Output {
  readonly resolution: BlockResolution;
  readonly #file: string;
  readonly #options: MergeOptions;
  readonly #schemas = new Map<string, HashedSchema>();
  #output: BlockOutput | undefined;

  constructor(
    { resolution, file }: { readonly resolution: BlockResolution; readonly file: string },
    options: MergeOptions,
  ) {
    this.resolution = resolution;
    this.#file = file;
    this.#options = options;
  }

  add(schema: HashedSchema, group: GroupColumns): void {
    const writer = this.#writerFor(schema);
    for (let row = 0; row < group.timesMs.length; row += GROUP_ROWS_MAX)
      writer.add(rowsOf(group, row, row + GROUP_ROWS_MAX));
  }

  addPacked(schema: HashedSchema, group: PackedGroup): void {
    this.#writerFor(schema).addPacked(group);
  }

  #writerFor(schema: HashedSchema): BlockWriter {
    const { disk, dir, window, inputs } = this.#options;
    // Readings may lie somewhat outside of the window of their records, and rollups up to their span.
    const spanMs = this.resolution === 'raw' ? 0 : ROLLUP_MS[this.resolution];
    this.#output ??= new BlockOutput(
      { disk, dir, file: this.#file },
      {
        resolution: this.resolution,
        fromMs: Math.max(0, Math.min(window.fromMs, ...inputs.map(({ firstMs }) => firstMs))),
        toMs: Math.max(window.toMs, ...inputs.map(({ lastMs }) => lastMs + 1)) + spanMs,
      },
    );
    this.#schemas.set(schema.hash, schema);
    return this.#output.writer;
  }

  async finish({ window, inputs }: MergeOptions): Promise<readonly MadeBlock[]> {
    if (this.#output === undefined) return [];
    const { firstMs, lastMs, sizeBytes, sampleCount, checksum } = await this.#output.finish();
    const block: MadeBlock = {
      file: this.#file,
      resolution: this.resolution,
      ...window,
      firstMs: firstMs ?? window.fromMs,
      lastMs: lastMs ?? window.fromMs,
      lastPos: Math.max(...inputs.map(({ lastPos }) => lastPos)),
      bytes: sizeBytes,
      samples: sampleCount,
      checksum,
      schemas: schemasOfBlock(this.#schemas.values()),
    };
    return [block];
  }

  drop(): void {
    this.#output?.drop();
  }
}

function hostsOf(inputs: readonly Input[]): readonly string[] {
  return [...new Set(inputs.flatMap(({ reader }) => [...reader.hostIds()]))].sort();
}

/**
 * What the inputs have of a host, schema by schema.
 * @throws AppError BLOCK_DAMAGED
 */
function sourcesOf(
  inputs: readonly Input[],
  hostId: string,
  snapshot: JournalSnapshot,
): readonly SchemaInputs[] {
  const bySchema = new Map<string, InputRows[]>();
  for (const [at, input] of inputs.entries()) {
    for (const [place, group] of input.reader.groups(hostId).entries()) {
      const source = input.source(group, { input: at, place });
      const sources = bySchema.get(group.schemaHash);
      if (sources === undefined) bySchema.set(group.schemaHash, [source]);
      else sources.push(source);
    }
  }
  return Array.from(bySchema, ([schemaHash, sources]) => {
    const schema = snapshot.schemaByHash(schemaHash);
    if (schema === undefined)
      throw new AppError('BLOCK_DAMAGED', `schema ${schemaHash} of host ${hostId} is not in the catalogue`);
    return { schema, sources };
  });
}

const NO_TURNS: ReadonlyMap<string, readonly SchemaInputs[]> = new Map();

/**
 * The samplers whose schemas take turns. None of the collector's own: each of its groups has the series of some times, all of
 * them overlap, and those of a large fleet do not fit into memory together.
 */
function inTurns(
  all: readonly SchemaInputs[],
  { hostId, isRollup }: { readonly hostId: string; readonly isRollup: boolean },
): ReadonlyMap<string, readonly SchemaInputs[]> {
  if (hostId === COLLECTOR_AGENT_ID) return NO_TURNS;
  const bySampler = Map.groupBy(all, ({ schema }) => schema.sampler);
  for (const [sampler, schemas] of bySampler) {
    const sources = schemas.map((one) => one.sources);
    if (!takeTurns(sources, isRollup)) bySampler.delete(sampler);
  }
  return bySampler;
}

interface Merged extends SchemaInputs {
  readonly hostId: string;
  readonly isRollup: boolean;
}

function addMerged({ hostId, schema, sources, isRollup }: Merged, outputs: readonly Output[]): void {
  const rows = new MergedRows({ hostId, schema, sources, isRollup });
  let fine: GroupColumns | undefined;
  for (const output of outputs) {
    if (isRollup || output.resolution === 'raw') {
      rows.addTo(output);
      continue;
    }
    fine ??= rollUp(rows.joined, ROLLUP_MS['5m'], {
      isCounter: counterColumns(schema, hostId),
      hasDerivedEnds: hostId !== COLLECTOR_AGENT_ID,
    });
    output.add(schema, output.resolution === '5m' ? fine : rollUpFurther(fine, ROLLUP_MS['1h']));
  }
}

/** Adds the schemas of a sampler that take turns. */
function addTogether(
  hostId: string,
  schemas: readonly SchemaInputs[],
  { isRollup, outputs }: { readonly isRollup: boolean; readonly outputs: readonly Output[] },
): void {
  if (isRollup) {
    const joined = joinTogether(hostId, schemas);
    for (const output of outputs) for (const { schema, group } of joined) output.add(schema, group);
    return;
  }
  const all = schemas.map((one) => new MergedRows({ hostId, ...one, isRollup }));
  const rolled = rollUpTogether(all.map(({ schema, joined: group }) => ({ schema, group })));
  for (const output of outputs) {
    if (output.resolution === 'raw') for (const rows of all) rows.addTo(output);
    else {
      const groups = output.resolution === '5m' ? rolled.fine : rolled.coarse;
      for (const { schema, group } of groups) output.add(schema, group);
    }
  }
}

/** Rows of one schema. Raw values go over as they are encoded where that is possible; only rollups need them decoded. */
class MergedRows {
  readonly schema: HashedSchema;
  readonly #merged: Merged;
  #joined: GroupColumns | undefined;

  constructor(merged: Merged) {
    this.schema = merged.schema;
    this.#merged = merged;
  }

  get joined(): GroupColumns {
    const { hostId, schema, sources, isRollup } = this.#merged;
    this.#joined ??= decoded({ hostId, schemaHash: schema.hash }, schema, joinRows(sources, isRollup));
    return this.#joined;
  }

  /** Adds them with the resolution that they have. */
  addTo(output: Output): void {
    const { hostId, schema, sources, isRollup } = this.#merged;
    const packed = isRollup ? undefined : packRows(sources);
    if (packed === undefined) output.add(schema, this.joined);
    else for (const rows of packed) output.addPacked(schema, { hostId, schemaHash: schema.hash, ...rows });
  }
}

function decoded(
  frame: Pick<GroupColumns, 'hostId' | 'schemaHash'>,
  schema: HashedSchema,
  { timesMs, column }: JoinedRows,
): GroupColumns {
  // A schema without series still has one column; see tick-columns.ts.
  const columnCount = Math.max(1, schema.seriesCount);
  return { ...frame, timesMs, columns: Array.from({ length: columnCount }, (_, index) => column(index)) };
}

function rowsOf(group: GroupColumns, from: number, to: number): GroupColumns {
  if (from === 0 && to >= group.timesMs.length) return group;
  return {
    ...group,
    timesMs: group.timesMs.subarray(from, to),
    columns: group.columns.map(({ states, streams }) => ({
      states: states?.subarray(from, to),
      streams: streams.map((values) => values?.subarray(from, to)),
    })),
  };
}
