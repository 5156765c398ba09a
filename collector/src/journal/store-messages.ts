/** What the journal and the thread that writes its database say to each other. Both ends are this program. */
import type { BlockChange, DeletedAgent } from './blocks.ts';
import type { CommitBatch, PruneStep, RecordRow } from './store.ts';

/** What the thread is started with. */
export interface StorePlace {
  readonly path: string;
  /** Of a JournalChanges. */
  readonly changes: SharedArrayBuffer;
}

/** Something to write; `probe` writes nothing that matters, to see whether writing works. */
export type Change =
  | { readonly kind: 'probe' }
  | { readonly kind: 'commit'; readonly batch: PackedBatch }
  | {
      readonly kind: 'prune';
      readonly olderThanMs: number;
      readonly rows: number;
      readonly keptAfterPos: number;
    }
  | { readonly kind: 'changeBlocks'; readonly change: BlockChange }
  | { readonly kind: 'deleteAgent'; readonly agent: DeletedAgent }
  | { readonly kind: 'deleteSealed'; readonly rows: number; readonly keptAfterPos: number };

/** Changes are answered in the order in which they were asked for; after `close` the thread ends. */
export type ToStore = { readonly kind: 'change'; readonly change: Change } | { readonly kind: 'close' };

/** `step` is that of a deletion. */
export type FromStore =
  | { readonly kind: 'done'; readonly step: PruneStep | undefined }
  | { readonly kind: 'failed'; readonly text: string };

/** A CommitBatch whose records stand in two buffers: copied one by one they would take longer than being written. */
export interface PackedBatch extends Omit<CommitBatch, 'records'> {
  /** For each record its numbers, in the order of `pack`, and the length of its bytes. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The bytes of all records, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NUMBERS_PER_RECORD = 9;

/**
 * Both buffers are made for the receiver.
 * @param stored hashes of schemas that the database has: their bytes, which would have to be made first, are left out
 */
export function packBatch(
  { records, schemas, rejects, ...rest }: CommitBatch,
  stored: ReadonlySet<string>,
): PackedBatch {
  const numbers = new Float64Array(records.length * NUMBERS_PER_RECORD);
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.bytes.length, 0));
  let at = 0;
  let start = 0;
  for (const { pos, laneId, seq, timeMs, receivedMs, kind, crc, samples, bytes: own } of records) {
    numbers[at++] = pos;
    numbers[at++] = laneId;
    numbers[at++] = seq;
    numbers[at++] = timeMs;
    numbers[at++] = receivedMs;
    numbers[at++] = kind;
    numbers[at++] = crc;
    numbers[at++] = samples;
    numbers[at++] = own.length;
    bytes.set(own, start);
    start += own.length;
  }
  // Copies, because what is sent of a view is the whole buffer behind it; and a schema is much more than what is stored of it.
  return {
    ...rest,
    schemas: schemas.map(({ schema, ...entry }) => {
      const { hash, sampler } = schema;
      const own = stored.has(hash) ? undefined : schema.bytes;
      return {
        ...entry,
        schema: { hash, sampler, bytes: own === undefined ? undefined : new Uint8Array(own) },
      };
    }),
    rejects: rejects.map((row) => ({ ...row, head: new Uint8Array(row.head) })),
    numbers,
    bytes,
  };
}

/** Records are views of the buffer. */
export function unpackBatch({ numbers, bytes, ...rest }: PackedBatch): CommitBatch {
  const whole = Buffer.from(bytes.buffer);
  const records: RecordRow[] = [];
  let start = 0;
  for (let at = 0; at < numbers.length; at += NUMBERS_PER_RECORD) {
    const [
      pos = 0,
      laneId = 0,
      seq = 0,
      timeMs = 0,
      receivedMs = 0,
      kind = 0,
      crc = 0,
      samples = 0,
      length = 0,
    ] = numbers.subarray(at, at + NUMBERS_PER_RECORD);
    const own = whole.subarray(start, (start += length));
    records.push({ pos, laneId, seq, timeMs, receivedMs, kind, crc, samples, bytes: own });
  }
  return { ...rest, records };
}
