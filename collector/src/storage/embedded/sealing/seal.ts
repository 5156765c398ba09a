/** Makes the block of one window out of the records in the journal. Reads only; somebody else switches over to it. */
import assert from 'node:assert/strict';
import { decodeIntoColumns, decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema, Schema } from '@rollcall/shared/protocol/schema.ts';
import type { NewBlock, ReplacedRecords } from '../../../journal/blocks.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { JournalSnapshot, LaneRange } from '../../../journal/reader.ts';
import { storedBody } from '../../../journal/stored-body.ts';
import { toBlock } from '../blocks/block.ts';
import { BlockOutput, schemasOfBlock, type BlockPlace } from './output.ts';
import { OwnGroups } from './own-groups.ts';
import { TickColumns, type SchemaGroup } from './tick-columns.ts';

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
  readonly seal: ReplacedRecords;
  /** Records whose bytes the disk has damaged; what was in them is lost. */
  readonly damagedRecords: number;
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
  const replaced = { rows: 0, samples: 0, damaged: 0, foundFromPos: Number.MAX_SAFE_INTEGER, foundToPos: 0 };
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
      for (const { schema, group } of hostGroups(snapshot, hostId, { lanes, numbers, window, replaced })) {
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
  const { damaged: damagedRecords, ...found } = replaced;
  const seal = { ...window, lastPos: snapshot.lastPos, ...found };
  if (output === undefined) return { blocks: [], seal, damagedRecords };
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
    schemas: schemasOfBlock(schemas.values()),
  };
  return { blocks: [block], seal, damagedRecords };
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
  /** Counts the records that the block replaces. */
  readonly replaced: {
    rows: number;
    samples: number;
    damaged: number;
    foundFromPos: number;
    foundToPos: number;
  };
}

/** The groups of a host. */
function* hostGroups(snapshot: JournalSnapshot, hostId: string, source: HostSource): Generator<SchemaGroup> {
  if (hostId === COLLECTOR_AGENT_ID) {
    yield* ownGroups(snapshot, hostId, source);
    return;
  }
  for (const [schema, columns] of agentColumns(snapshot, source)) {
    const group = columns.group(hostId);
    if (group !== undefined) yield { schema, group };
  }
}

/** What the records of an agent say in the window. */
function agentColumns(
  snapshot: JournalSnapshot,
  { lanes, numbers, window, replaced }: HostSource,
): ReadonlyMap<HashedSchema, TickColumns> {
  const bySchema = new Map<HashedSchema, TickColumns>();
  for (const { laneId } of lanes) {
    const schemas = numbers.get(laneId) ?? new Map<number, HashedSchema>();
    const schemaOf = (number: number): HashedSchema | undefined => schemas.get(number);
    const columnsOf = (number: number): TickColumns => {
      const schema = schemas.get(number);
      assert(schema !== undefined, 'a block with values has a schema');
      const known = bySchema.get(schema) ?? new TickColumns(schema);
      bySchema.set(schema, known);
      return known;
    };
    const byNumber = new Map<number, TickColumns>();
    for (const { pos, timeMs, body } of tickBodies(snapshot, laneId, { window, replaced })) {
      decodeIntoColumns(body, schemaOf, (number, offsetMs, present) => {
        const columns = byNumber.get(number) ?? columnsOf(number);
        byNumber.set(number, columns);
        return columns.addRow({ timeMs: timeMs + offsetMs, pos }, present);
      });
    }
  }
  return bySchema;
}

/** What the collector's own records say in the window. */
function ownGroups(
  snapshot: JournalSnapshot,
  hostId: string,
  { lanes, numbers, window, replaced }: HostSource,
): Iterable<SchemaGroup> {
  const own = new OwnGroups();
  for (const { laneId } of lanes) {
    const schemaOf = (number: number): Schema | undefined => numbers.get(laneId)?.get(number);
    for (const tick of tickBodies(snapshot, laneId, { window, replaced })) {
      for (const block of decodeSamples(tick.body, schemaOf))
        if (block.kind === 'values') own.add(toBlock(block, tick, true));
    }
  }
  return own.groups(hostId);
}

/** The samples of a lane, and counts all that the block replaces. */
function* tickBodies(
  snapshot: JournalSnapshot,
  laneId: number,
  { window: { fromMs, toMs }, replaced }: Pick<HostSource, 'window' | 'replaced'>,
): Generator<{ readonly pos: number; readonly timeMs: number; readonly body: Buffer }> {
  for (const { pos, timeMs, bytes, isTick, samples } of snapshot.sealable({
    laneId,
    fromMs,
    toMs: toMs - 1,
  })) {
    replaced.rows++;
    replaced.samples += samples;
    replaced.foundFromPos = Math.min(replaced.foundFromPos, pos);
    replaced.foundToPos = Math.max(replaced.foundToPos, pos);
    if (!isTick) continue;
    const body = storedBody(bytes);
    if (body === undefined) replaced.damaged++;
    else yield { pos, timeMs, body };
  }
}
