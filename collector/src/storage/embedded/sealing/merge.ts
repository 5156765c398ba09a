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
import { GROUP_ROWS_MAX, joinRows, packRows, type JoinedRows, type RowSource } from './join-rows.ts';
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
  try {
    for (const hostId of hostsOf(inputs)) {
      if (options.without.has(hostId)) continue;
      for (const { schemaHash, sources } of sourcesOf(inputs, hostId)) {
        const schema = snapshot.schemaByHash(schemaHash);
        if (schema === undefined)
          throw new AppError(
            'BLOCK_DAMAGED',
            `schema ${schemaHash} of host ${hostId} is not in the catalogue`,
          );
        addMerged({ hostId, schema }, { sources, isRollup }, outputs);
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

  source(group: Group): RowSource {
    const { reader } = this;
    const streamCount = STREAMS[reader.resolution].length;
    return {
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

/** What the inputs have of a host, schema by schema. */
function sourcesOf(
  inputs: readonly Input[],
  hostId: string,
): readonly { readonly schemaHash: string; readonly sources: readonly RowSource[] }[] {
  const bySchema = new Map<string, RowSource[]>();
  for (const input of inputs) {
    for (const group of input.reader.groups(hostId)) {
      const sources = bySchema.get(group.schemaHash);
      if (sources === undefined) bySchema.set(group.schemaHash, [input.source(group)]);
      else sources.push(input.source(group));
    }
  }
  return Array.from(bySchema, ([schemaHash, sources]) => ({ schemaHash, sources }));
}

/** Raw values go over as they are encoded where that is possible; only rollups need them decoded. */
function addMerged(
  { hostId, schema }: { readonly hostId: string; readonly schema: HashedSchema },
  { sources, isRollup }: { readonly sources: readonly RowSource[]; readonly isRollup: boolean },
  outputs: readonly Output[],
): void {
  const packed = isRollup ? undefined : packRows(sources);
  const frame = { hostId, schemaHash: schema.hash };
  let joined: GroupColumns | undefined;
  let fine: GroupColumns | undefined;
  for (const output of outputs) {
    if (output.resolution === 'raw' && packed !== undefined) {
      for (const rows of packed) output.addPacked(schema, { ...frame, ...rows });
      continue;
    }
    joined ??= decoded(frame, schema, joinRows(sources, isRollup));
    if (isRollup || output.resolution === 'raw') {
      output.add(schema, joined);
      continue;
    }
    fine ??= rollUp(joined, ROLLUP_MS['5m'], {
      isCounter: counterColumns(schema, hostId),
      hasDerivedEnds: hostId !== COLLECTOR_AGENT_ID,
    });
    output.add(schema, output.resolution === '5m' ? fine : rollUpFurther(fine, ROLLUP_MS['1h']));
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
