/**
 * What was committed to the journal, as series with labels, for stores that are fed from it. An agent sends no stale
 * markers; they follow from its blocks here as they do in `collect.ts`.
 */
import { decodeSamples, type ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import type { JournalReader, JournalSnapshot, LaneTick } from '../../../journal/reader.ts';
import { storedBody } from '../../../journal/stored-body.ts';
import type { Labels } from '../../labels.ts';
import type { Slice, SliceReader } from '../../slice.ts';
import { STATE, toBlock, type Block } from '../blocks/block.ts';
import { labelsOf, type Identity } from './matching.ts';
import { SliceBuilder } from './slice-builder.ts';

const SLICE_LIMITS = {
  /** Samples of one batch; a record with more is several batches. */
  batchSamples: 5_000,
  /** Series whose labels are remembered, about 500 bytes each. */
  rememberedSeries: 100_000,
  /** Lanes with schema numbers that are remembered. */
  rememberedNumbers: 50_000,
} as const;

export interface SliceReaderOptions {
  readonly reader: JournalReader;
  /** Undefined for a host that was deleted: its samples are left out. */
  readonly identityOf: (agentId: string) => Identity | undefined;
}

/** The newest block of one sampler of one host. */
interface LastBlock {
  readonly schema: Schema;
  readonly states: Uint8Array | undefined;
  readonly timeMs: number;
}

export function createSliceReader(options: SliceReaderOptions): SliceReader {
  return new JournalSlices(options);
}

class JournalSlices implements SliceReader {
  readonly #options: SliceReaderOptions;
  readonly #labels = new LabelMemory();
  /** By lane and number; a number never changes its schema. */
  readonly #schemas = new Map<string, Schema>();
  /** By host and sampler. */
  readonly #last = new Map<string, LastBlock>();
  #nextPos = -1;

  constructor(options: SliceReaderOptions) {
    this.#options = options;
  }

  waitingAfter(pos: number): number {
    const snapshot = this.#options.reader.snapshot();
    const { lastPos } = snapshot;
    snapshot.close();
    return Math.max(0, lastPos - pos);
  }

  read(afterPos: number): Slice | undefined {
    // What came before is not known after a jump.
    if (afterPos !== this.#nextPos) this.#last.clear();
    const snapshot = this.#options.reader.snapshot();
    try {
      if (snapshot.lastPos <= afterPos) return undefined;
      const slice = this.#read(snapshot, afterPos);
      this.#nextPos = slice.toPos;
      return slice;
    } finally {
      snapshot.close();
    }
  }

  #read(snapshot: JournalSnapshot, afterPos: number): Slice {
    const builder = new SliceBuilder(SLICE_LIMITS.batchSamples);
    let toPos = snapshot.lastPos;
    let lastPos = afterPos;
    let samples = 0;
    let records = 0;
    let oldestMs: number | null = null;
    for (const tick of snapshot.ticksAfter(afterPos, snapshot.lastPos)) {
      if (records > 0 && samples + tick.samples > SLICE_LIMITS.batchSamples) {
        toPos = lastPos;
        break;
      }
      this.#addTick(snapshot, tick, builder);
      lastPos = tick.pos;
      samples += tick.samples;
      records++;
      oldestMs = Math.min(oldestMs ?? tick.timeMs, tick.timeMs);
    }
    return { toPos, batches: builder.batches(), samples: builder.samples, records, oldestMs };
  }

  #addTick(snapshot: JournalSnapshot, tick: LaneTick, builder: SliceBuilder): void {
    const { agentId, laneId } = tick;
    const isOwn = agentId === COLLECTOR_AGENT_ID;
    const identity = isOwn ? [] : this.#options.identityOf(agentId);
    if (identity === undefined) return;
    const schemaOf = (number: number): Schema | undefined => this.#schemaOf(snapshot, laneId, number);
    const body = storedBody(tick.bytes);
    if (body === undefined) return;
    for (const decoded of decodeSamples(body, schemaOf)) {
      if (decoded.kind !== 'values') continue;
      const block = toBlock(decoded, tick, isOwn);
      const labels = this.#labels.of(agentId, block.schema, identity);
      addBlock(builder, block, labels);
      if (!isOwn) this.#addEndings(builder, { agentId, identity, decoded, block, labels });
    }
  }

  /** A stale marker for every series that the sampler's block before this one had, and this one has not. */
  #addEndings(builder: SliceBuilder, { agentId, identity, decoded, block, labels }: EndingsSource): void {
    const key = `${agentId}/${decoded.schema.sampler}`;
    const before = this.#last.get(key);
    if (before !== undefined && block.timeMs <= before.timeMs) return;
    this.#last.set(key, { schema: block.schema, states: block.states, timeMs: block.timeMs });
    if (before === undefined) return;
    if (before.schema === block.schema) {
      if (block.states === undefined) return;
      for (const [index, of] of labels.entries()) {
        if (isPresent(before.states, index) && !isPresent(block.states, index)) {
          builder.add(of, { timeMs: block.timeMs, value: Number.NaN, isStale: true });
        }
      }
      return;
    }
    const now = new Set<string>();
    for (const [index, of] of labels.entries()) if (isPresent(block.states, index)) now.add(of.key);
    for (const [index, of] of this.#labels.of(agentId, before.schema, identity).entries()) {
      if (isPresent(before.states, index) && !now.has(of.key)) {
        builder.add(of, { timeMs: block.timeMs, value: Number.NaN, isStale: true });
      }
    }
  }

  #schemaOf(snapshot: JournalSnapshot, laneId: number, number: number): Schema | undefined {
    const key = `${laneId}/${number}`;
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const schema = snapshot.schemaOf(laneId, number);
    if (this.#schemas.size >= SLICE_LIMITS.rememberedNumbers) this.#schemas.clear();
    if (schema !== undefined) this.#schemas.set(key, schema);
    return schema;
  }
}

interface EndingsSource {
  readonly agentId: string;
  readonly identity: Identity;
  readonly decoded: ValuesBlock;
  readonly block: Block;
  readonly labels: readonly Labels[];
}

function isPresent(states: Uint8Array | undefined, index: number): boolean {
  return states === undefined || states[index] === STATE.PRESENT;
}

function addBlock(builder: SliceBuilder, { values, states, timeMs }: Block, labels: readonly Labels[]): void {
  for (const [index, of] of labels.entries()) {
    const state = states === undefined ? STATE.PRESENT : states[index];
    if (state === STATE.ABSENT || state === undefined) continue;
    builder.add(of, { timeMs, value: values[index] ?? Number.NaN, isStale: state === STATE.STALE });
  }
}

/** Labels of the series of hosts, so that those which come with every tick are made once. */
class LabelMemory {
  readonly #byAgent = new Map<string, AgentLabels>();
  #size = 0;

  /** Labels in the order of the schema. While the memory is full, those of more hosts are made each time. */
  of(agentId: string, schema: Schema, identity: Identity): readonly Labels[] {
    let agent = this.#byAgent.get(agentId);
    if (agent === undefined || !isSame(agent.identity, identity)) {
      for (const labels of agent?.bySchema.values() ?? []) this.#size -= labels.length;
      agent = { identity, bySchema: new Map() };
      this.#byAgent.set(agentId, agent);
    }
    const known = agent.bySchema.get(schema);
    if (known !== undefined) return known;
    const labels = Array.from({ length: schema.seriesCount }, (_, index) =>
      labelsOf(schema, index, identity),
    );
    if (this.#size + labels.length > SLICE_LIMITS.rememberedSeries) return labels;
    this.#size += labels.length;
    agent.bySchema.set(schema, labels);
    return labels;
  }
}

interface AgentLabels {
  readonly identity: Identity;
  readonly bySchema: Map<Schema, readonly Labels[]>;
}

function isSame(left: Identity, right: Identity): boolean {
  return (
    left === right ||
    (left.length === right.length &&
      left.every(([name, value], at) => right[at]?.[0] === name && right[at]?.[1] === value))
  );
}
