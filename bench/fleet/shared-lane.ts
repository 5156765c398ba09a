/**
 * One list of records for a whole fleet: every host of it measures the same, under the same numbers, so a record is made
 * once and sent ten thousand times. Links, sessions and sockets are those of real agents.
 */
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import type { EpochState } from '@rollcall/shared/protocol/handshake.ts';
import { encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { encodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { encodeSchemaBody } from '@rollcall/shared/protocol/schema.ts';
import type { Spool, SpoolBatch, SpoolStats } from '../../agent/src/spool/spool.ts';
import { bootMsAt } from './clock.ts';
import { seriesCountOf, simulatedSamplers, type SimulatedSampler } from './host.ts';

/** The epoch of every host; agents have different lanes in it. */
const SHARED_EPOCH = '00000000000000f1';
export const SHARED_BOOT = 'b0'.repeat(16);

export class SharedLane {
  /** Record number n stands at n - 1. */
  readonly records: Buffer[] = [];
  readonly seriesCount: number;
  /** Records in front of the first tick. */
  readonly schemaCount: number;
  readonly #samplers: readonly SimulatedSampler[];
  readonly #intervalMs: number;
  readonly #writer = new ByteWriter(16 * 1024);

  constructor(cpuCount: number, intervalMs: number, wallMs: number) {
    this.#samplers = simulatedSamplers(cpuCount, intervalMs);
    this.#intervalMs = intervalMs;
    this.seriesCount = seriesCountOf(this.#samplers);
    this.schemaCount = this.#samplers.length;
    for (const [index, { schema }] of this.#samplers.entries())
      this.#append(RECORD_KIND.SCHEMA, wallMs, encodeSchemaBody(index + 1, schema));
  }

  tick(wallMs: number): void {
    const shape = { index: 0, fault: 'none', cpuCount: 4, intervalMs: this.#intervalMs } as const;
    const seconds = (wallMs / 1000) % 10_000_000;
    this.#writer.reset();
    encodeSamples(
      this.#writer,
      this.#samplers.map((sampler, index) => sampler.block(index + 1, seconds, shape)),
    );
    this.#append(RECORD_KIND.SAMPLES, wallMs, this.#writer.view());
  }

  #append(kind: number, wallMs: number, body: Uint8Array): void {
    const draft = { kind, flags: 0, wallMs, bootMs: bootMsAt(wallMs), body };
    this.records.push(encodeRecord(draft, this.records.length + 1));
  }
}

/** How far one host is in the shared list. */
export class LaneSpool implements Spool {
  readonly #lane: SharedLane;
  /** Records that this host has. */
  held = 0;
  acked = 0;
  /** How often it had to begin a new epoch, which none of these hosts ever should. */
  rotations = 0;
  #listener: () => void = () => {};

  constructor(lane: SharedLane) {
    this.#lane = lane;
  }

  /** The host now has everything that is in the list. */
  takeAll(): void {
    if (this.held === this.#lane.records.length) return;
    this.held = this.#lane.records.length;
    this.#listener();
  }

  declareSchema(): number {
    throw new Error('the shared lane declares its schemas itself');
  }

  append(): void {
    throw new Error('records come from the shared lane');
  }

  epochs(): readonly EpochState[] {
    const next = this.held + 1;
    return [{ id: SHARED_EPOCH, bootId: SHARED_BOOT, first: 1, next, acked: this.acked }];
  }

  read(epochId: string, fromSeq: number, limits: { maxBytes: number; maxRecords: number }): SpoolBatch {
    const records: Buffer[] = [];
    let bytes = 0;
    for (let seq = fromSeq; seq <= this.held && records.length < limits.maxRecords; seq++) {
      const record = this.#lane.records[seq - 1];
      if (record === undefined || (records.length > 0 && bytes + record.length > limits.maxBytes)) break;
      records.push(record);
      bytes += record.length;
    }
    const nextSeq = fromSeq + records.length;
    return { epochId, records, nextSeq, isEnd: nextSeq > this.held };
  }

  crcOf(_epochId: string, seq: number): number | undefined {
    return this.#lane.records[seq - 1]?.readUInt32LE(4);
  }

  acknowledge(_epochId: string, watermark: number): void {
    this.acked = Math.max(this.acked, watermark);
  }

  rotateEpoch(): void {
    this.rotations++;
  }

  giveUp(): void {
    this.rotations++;
  }

  onAppend(listener: () => void): void {
    this.#listener = listener;
  }

  stats(): SpoolStats {
    return {
      isDurable: true,
      recordsHeld: this.held,
      bytesHeld: 0,
      bytesMax: 0,
      oldestUnackedMs: undefined,
      samplesDropped: 0,
    };
  }

  close(): void {}
}
