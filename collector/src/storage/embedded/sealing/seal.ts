/** Makes the block of one window out of the records in the journal. Reads only; somebody else switches over to it. */
import { decodeRecord, recordBody } from '@rollcall/shared/protocol/record.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema, Schema } from '@rollcall/shared/protocol/schema.ts';
import type { NewBlock, SealedRange } from '../../../journal/blocks.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { JournalSnapshot, LaneRange } from '../../../journal/reader.ts';
import { toBlock, type Block } from '../block.ts';
import { BlockOutput, type BlockPlace } from './output.ts';
import { OwnGroups } from './own-groups.ts';
import { toGroups, type SchemaGroup } from './tick-columns.ts';

/** A window of record times: from `fromMs` on and before `toMs`, UTC milliseconds. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A block that was written; the catalogue does not know it yet. */
export type MadeBlock = Omit<NewBlock, 'madeMs'>;

export interface Sealed {
  /** None when the window holds no samples. */
  readonly blocks: readonly MadeBlock[];
  readonly seal: SealedRange & { readonly rows: number; readonly samples: number };
}

/**
 * Windows of the length that have records to be sealed and that end at or before `endMs`, oldest first.
 * @param countMax so many windows at most, for a journal full of scattered times
 */
export function sealableWindows(
  snapshot: JournalSnapshot,
  {
    windowMs,
    endMs,
    countMax,
  }: { readonly windowMs: number; readonly endMs: number; readonly countMax: number },
): Window[] {
  const starts = new Set<number>();
  for (const { laneId, oldestMs } of snapshot.lanes()) {
    let timeMs: number | undefined = oldestMs;
    let found = 0;
    while (timeMs !== undefined && timeMs < endMs && found < countMax) {
      timeMs = snapshot.oldestSealable(laneId, timeMs);
      if (timeMs === undefined || timeMs >= endMs) break;
      const fromMs: number = Math.floor(timeMs / windowMs) * windowMs;
      if (fromMs + windowMs > endMs) break;
      starts.add(fromMs);
      found++;
      timeMs = fromMs + windowMs;
    }
  }
  const sorted = [...starts].sort((left, right) => left - right).slice(0, countMax);
  return sorted.map((fromMs) => ({ fromMs, toMs: fromMs + windowMs }));
}

/**
 * Writes the block of a window. The snapshot says which records it replaces: those that are in it.
 * @param yieldToLoop called between hosts, for work that does not run in a thread of its own
 * @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE
 */
export async function sealWindow(
  snapshot: JournalSnapshot,
  window: Window,
  { place, yieldToLoop }: { readonly place: BlockPlace; readonly yieldToLoop: () => Promise<void> },
): Promise<Sealed> {
  const lanesByHost = Map.groupBy(snapshot.lanes(), ({ agentId }) => agentId);
  const numbers = schemaNumbers(snapshot);
  const schemas = new Map<string, HashedSchema>();
  const deleted = new Set(snapshot.deletedAgents().map(({ agentId }) => agentId));
  let rows = 0;
  let samples = 0;
  // A reading may lie somewhat outside of the window of its record.
  const offsetMs = Math.max(0, ...[...lanesByHost.values()].flat().map(({ offsetMsMax }) => offsetMsMax));
  const header = {
    resolution: 'raw' as const,
    fromMs: Math.max(0, window.fromMs - offsetMs),
    toMs: window.toMs + offsetMs,
  };
  let output: BlockOutput | undefined;
  try {
    for (const hostId of [...lanesByHost.keys()].sort()) {
      if (deleted.has(hostId)) continue;
      const lanes = lanesByHost.get(hostId) ?? [];
      for (const { laneId } of lanes) {
        const found = snapshot.sealable({ laneId, fromMs: window.fromMs, toMs: window.toMs - 1 });
        rows += found.rows;
        samples += found.samples;
      }
      for (const { schema, group } of hostGroups(snapshot, hostId, { lanes, numbers, window })) {
        output ??= new BlockOutput(place, header);
        schemas.set(schema.hash, schema);
        output.writer.add(group);
      }
      await yieldToLoop();
    }
  } catch (error) {
    output?.drop();
    throw error;
  }
  const seal = { ...window, lastPos: snapshot.lastPos, rows, samples };
  if (output === undefined) return { blocks: [], seal };
  const { firstMs, lastMs, sizeBytes, sampleCount, checksum } = await output.finish();
  const block = {
    file: place.file,
    resolution: 'raw' as const,
    ...window,
    firstMs: firstMs ?? window.fromMs,
    lastMs: lastMs ?? window.fromMs,
    lastPos: snapshot.lastPos,
    bytes: sizeBytes,
    samples: sampleCount,
    checksum,
    schemas: [...schemas.values()],
  };
  return { blocks: [block], seal };
}

type SchemaNumbers = ReadonlyMap<number, ReadonlyMap<number, HashedSchema>>;

/** Schemas by lane and number. */
function schemaNumbers(snapshot: JournalSnapshot): SchemaNumbers {
  const byLane = new Map<number, Map<number, HashedSchema>>();
  for (const { laneId, number, schema } of snapshot.schemaUses()) {
    let numbers = byLane.get(laneId);
    if (numbers === undefined) {
      numbers = new Map();
      byLane.set(laneId, numbers);
    }
    numbers.set(number, schema);
  }
  return byLane;
}

interface HostSource {
  readonly lanes: readonly LaneRange[];
  readonly numbers: SchemaNumbers;
  readonly window: Window;
}

/** The groups of a host. */
function hostGroups(snapshot: JournalSnapshot, hostId: string, source: HostSource): Iterable<SchemaGroup> {
  if (hostId === COLLECTOR_AGENT_ID) {
    const own = new OwnGroups();
    for (const { block } of readings(snapshot, source, true)) own.add(block);
    return own.groups(hostId);
  }
  const rowsOf = new Map<HashedSchema, Block[]>();
  for (const { schema, block } of readings(snapshot, source, false)) {
    const rows = rowsOf.get(schema);
    if (rows === undefined) rowsOf.set(schema, [block]);
    else rows.push(block);
  }
  return toGroups(hostId, rowsOf);
}

/** What the records of a host say in the window, lane by lane. */
function* readings(
  snapshot: JournalSnapshot,
  { lanes, numbers, window }: HostSource,
  isOwn: boolean,
): Generator<{ readonly schema: HashedSchema; readonly block: Block }> {
  for (const { laneId } of lanes) {
    const byNumber = numbers.get(laneId);
    if (byNumber === undefined) continue;
    const schemaOf = (number: number): Schema | undefined => byNumber.get(number);
    for (const tick of snapshot.ticks({ laneId, fromMs: window.fromMs, toMs: window.toMs - 1 })) {
      for (const block of decodeSamples(recordBody(decodeRecord(tick.bytes, 0)), schemaOf)) {
        if (block.kind !== 'values') continue;
        const schema = byNumber.get(block.schemaNumber);
        if (schema !== undefined) yield { schema, block: toBlock(block, tick, isOwn) };
      }
    }
  }
}
