/** What the collector's journal holds, read from its database past the collector's own code for reading. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { decodeRecord, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { decodeSchema, type Schema } from '@rollcall/shared/protocol/schema.ts';
import { PROOF, PROOF_METRIC, valueOf } from './ledger.ts';

export interface StoredLane {
  readonly id: number;
  readonly hostId: string;
  readonly epochId: string;
  readonly watermark: number;
  readonly applied: number;
  readonly rejected: number;
  readonly gapped: number;
  readonly refusedBlocks: number;
  /** Its machine's boot clock was measured. */
  readonly isMeasured: boolean;
}

/** A tick as the journal has it, applied or rejected. */
export interface StoredTick {
  readonly hostId: string;
  readonly epochId: string;
  readonly seq: number;
  /** What the machine's wall clock said. */
  readonly wallMs: number;
  /** Under which time it stands; of one that was rejected, its wall clock. */
  readonly timeMs: number;
  readonly isMeasured: boolean;
  readonly proof: number;
  /** Code with which it was rejected, undefined when it was applied. */
  readonly rejectedAs: string | undefined;
}

export interface StoredGap {
  readonly hostId: string;
  readonly epochId: string;
  readonly from: number;
  readonly to: number;
  readonly reason: number;
  readonly isEstimated: boolean;
  readonly ticks: number;
  readonly samples: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Stored {
  readonly lanes: readonly StoredLane[];
  readonly ticks: readonly StoredTick[];
  readonly gaps: readonly StoredGap[];
  /** What is wrong with single records, such as a value that no machine ever read. */
  readonly faults: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

/** Reads all of a journal's database. */
export function readStored(path: string): Stored {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const all = (sql: string): Row[] => database.prepare(sql).all();
    const lanes = all('SELECT * FROM lanes').map((row) => toLane(row));
    const laneOf = new Map(lanes.map((lane) => [lane.id, lane]));
    const schemas = schemasOf(
      all('SELECT n.lane, n.number, s.bytes FROM schema_numbers n JOIN schemas s ON s.id = n.schema'),
    );
    const faults: string[] = [];
    const ticks: StoredTick[] = [];
    const read = (row: Row, bytes: Buffer, rejectedAs: string | undefined): void => {
      const lane = laneOf.get(numberOf(row, 'lane'));
      const record = decodeRecord(bytes, 0);
      if (lane === undefined || record.kind !== RECORD_KIND.SAMPLES) return;
      const where = `${lane.hostId.slice(0, 6)}/${lane.epochId.slice(0, 6)}#${record.seq}`;
      const blocks = decodeSamples(recordBody(record), (number) => schemas.get(`${lane.id}/${number}`));
      for (const block of blocks) {
        if (block.kind !== 'values' || block.schema.sampler !== PROOF) continue;
        const proof = proofOf(block.schema, block.values);
        const fault = wrongValue(block.schema, block.values, proof);
        if (fault !== undefined) faults.push(`${where}: ${fault}`);
        const { hostId, epochId, isMeasured } = lane;
        const { seq, wallMs } = record;
        const timeMs = rejectedAs === undefined ? numberOf(row, 'time_ms') : wallMs;
        ticks.push({ hostId, epochId, seq, wallMs, timeMs, isMeasured, proof, rejectedAs });
      }
    };
    const lastSeq = new Map<number, number>();
    for (const row of all('SELECT lane, seq, time_ms, bytes FROM records ORDER BY pos')) {
      const [lane, seq] = [numberOf(row, 'lane'), numberOf(row, 'seq')];
      if (seq <= (lastSeq.get(lane) ?? 0))
        faults.push(`lane ${lane}: record ${seq} stands behind ${lastSeq.get(lane)}`);
      lastSeq.set(lane, seq);
      read(row, blobOf(row, 'bytes'), undefined);
    }
    for (const row of all('SELECT lane, seq, code, head FROM rejects')) {
      read(row, blobOf(row, 'head'), String(row['code']));
    }
    const gaps = all('SELECT * FROM gaps').map((row) => toGap(row, laneOf));
    return { lanes, ticks, gaps, faults };
  } finally {
    database.close();
  }
}

/** The watermark that is on stable storage, asked from a connection of its own. */
export class WatermarkProbe {
  readonly #database: DatabaseSync;
  readonly #statement: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true });
    this.#statement = this.#database.prepare('SELECT watermark FROM lanes WHERE agent = ? AND epoch = ?');
  }

  watermark(hostId: string, epochId: string): number {
    const row = this.#statement.get(hostId, epochId);
    return row === undefined ? 0 : numberOf(row, 'watermark');
  }

  close(): void {
    this.#database.close();
  }
}

function schemasOf(rows: readonly Row[]): ReadonlyMap<string, Schema & ReturnType<typeof decodeSchema>> {
  return new Map(
    rows.map((row) => [
      `${numberOf(row, 'lane')}/${numberOf(row, 'number')}`,
      decodeSchema(blobOf(row, 'bytes'), 'collector'),
    ]),
  );
}

function proofOf(schema: Schema, values: Float64Array): number {
  let index = 0;
  for (const { name, series } of schema.metrics) {
    if (name === PROOF_METRIC) return values[index] ?? Number.NaN;
    index += series.length;
  }
  return Number.NaN;
}

function wrongValue(schema: Schema, values: Float64Array, proof: number): string | undefined {
  let index = 0;
  for (const { name, series } of schema.metrics) {
    for (const labels of series) {
      const wanted = valueOf(proof, name, labels);
      const value = values[index++];
      if (value !== wanted) return `${name}{${labels.join()}} is ${value}, tick ${proof} had ${wanted}`;
    }
  }
  return undefined;
}

function toLane(row: Row): StoredLane {
  return {
    id: numberOf(row, 'id'),
    hostId: String(row['agent']),
    epochId: String(row['epoch']),
    watermark: numberOf(row, 'watermark'),
    applied: numberOf(row, 'applied'),
    rejected: numberOf(row, 'rejected'),
    gapped: numberOf(row, 'gapped'),
    refusedBlocks: numberOf(row, 'refused_blocks'),
    isMeasured: typeof row['boot_times'] === 'string',
  };
}

function toGap(row: Row, laneOf: ReadonlyMap<number, StoredLane>): StoredGap {
  const lane = laneOf.get(numberOf(row, 'lane'));
  return {
    hostId: lane?.hostId ?? '',
    epochId: lane?.epochId ?? '',
    from: numberOf(row, 'from_seq'),
    to: numberOf(row, 'to_seq'),
    reason: numberOf(row, 'reason'),
    isEstimated: row['is_estimated'] === 1,
    ticks: numberOf(row, 'ticks'),
    samples: numberOf(row, 'samples'),
    firstMs: numberOf(row, 'first_ms'),
    lastMs: numberOf(row, 'last_ms'),
  };
}

function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} is ${String(value)}`);
  return value;
}

function blobOf(row: Row, column: string): Buffer {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} is no blob`);
  return Buffer.from(value);
}
