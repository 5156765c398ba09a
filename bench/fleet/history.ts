/**
 * The past of a fleet: what a recording would have been on many hosts. It goes into a journal as records of agents, and to
 * other stores as remote write, without the way over a network: that is measured elsewhere, and takes its time.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { decodeRecord, encodeRecord, RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { encodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { encodeSchemaBody } from '@rollcall/shared/protocol/schema.ts';
import type { JournalSession } from '../../collector/src/journal/journal.ts';
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import { putSeries } from '../../collector/src/storage/remote-protocol/messages.ts';
import { snappyLength } from '../../collector/src/storage/remote-protocol/snappy.ts';
import { recordedSamplers, type Recording } from '../recording.ts';
import type { SimulatedSampler } from './host.ts';

export interface HistorySize {
  readonly startMs: number;
  /** Exclusive. */
  readonly endMs: number;
  readonly intervalMs: number;
}

/** A part of the time; UTC milliseconds, the end exclusive. */
export interface Portion {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The epoch of every agent; they have different lanes in it. */
const EPOCH_ID = '00000000000000f1';

/** An epoch as an agent tells it that has records up to, not including, `next`. */
export function historyEpoch(next: number) {
  return { id: EPOCH_ID, bootId: 'b0'.repeat(16), first: 1, next, acked: 0 };
}

export class FleetHistory {
  readonly #size: HistorySize;
  readonly #samplers: readonly SimulatedSampler[];
  readonly #firstSchema: number;

  /** @param firstSchema number of the first schema, where another history stands in the same lanes */
  constructor(recording: Recording, size: HistorySize, firstSchema = 1) {
    this.#size = size;
    this.#samplers = recordedSamplers(recording, { ...size, hasCounters: true });
    this.#firstSchema = firstSchema;
  }

  /** Series of each host. */
  get seriesCount(): number {
    return this.#samplers.reduce((sum, { schema }) => sum + schema.seriesCount, 0);
  }

  get schemaCount(): number {
    return this.#samplers.length;
  }

  /** Readings of each host in a part of the time. */
  tickCount(portion: Portion): number {
    return this.#times(portion).length;
  }

  /** The records that declare the schemas. @param seq number of the first one */
  schemaRecords(seq: number): readonly Buffer[] {
    return this.#samplers.map(({ schema }, i) =>
      recordOf(RECORD_KIND.SCHEMA, seq + i, {
        wallMs: this.#size.startMs,
        body: encodeSchemaBody(this.#firstSchema + i, schema),
      }),
    );
  }

  /** The records of a part of the time, which are the same for all hosts. @param seq number of the first one */
  *tickRecords(portion: Portion, seq: number): Generator<Buffer> {
    const writer = new ByteWriter(64 * 1024);
    for (const [i, timeMs] of this.#times(portion).entries()) {
      writer.reset();
      encodeSamples(
        writer,
        this.#samplers.map((sampler, at) => this.#block(sampler, this.#firstSchema + at, timeMs)),
      );
      yield recordOf(RECORD_KIND.SAMPLES, seq + i, { wallMs: timeMs, body: writer.view() });
    }
  }

  /** Writes the records of all hosts into a journal that nobody else has open. */
  async writeJournal(path: string, agentIds: readonly string[]): Promise<void> {
    const ports = { clock: systemClock, log: silentLogger, randomBytes, yieldToLoop: nextTurn };
    const journal = openJournal({ path, ...ports });
    const all = { fromMs: this.#size.startMs, toMs: this.#size.endMs };
    const records = [...this.schemaRecords(1), ...this.tickRecords(all, this.schemaCount + 1)];
    const epochs = [historyEpoch(records.length + 1)];
    const failed = (text: string): void => {
      throw new Error(`the journal failed: ${text}`);
    };
    const sessions = [];
    for (const agentId of agentIds)
      sessions.push(await journal.openSession({ agentId, epochs }, { committed() {}, failed }));
    for (const bytes of records) {
      applyToAll(sessions, bytes);
      await nextTurn();
    }
    await journal.close();
  }

  /**
   * The same samples as bodies of remote write: hosts one after the other, several in a body while it is small.
   * @param instances values of the label `instance`, all of one length
   * @returns bodies in one buffer: each is to be sent before the next one is asked for
   */
  *writeRequests(portion: Portion, instances: readonly string[]): Generator<Uint8Array> {
    const [first = ''] = instances;
    const template = this.#requestOf(first, portion);
    if (template.length === 0) return;
    const places: number[] = [];
    for (let at = template.indexOf(first); at >= 0; at = template.indexOf(first, at + 1)) places.push(at);
    const hostsPerBody = Math.max(1, Math.floor(BODY_BYTES / template.length));
    for (let host = 0; host < instances.length; host += hostsPerBody) {
      const some = instances.slice(host, host + hostsPerBody);
      const body = Buffer.allocUnsafe(SNAPPY_HEAD_BYTES + some.length * template.length);
      const headBytes = putSnappyHead(body, some.length * template.length);
      for (const [i, instance] of some.entries()) {
        if (instance.length !== first.length) throw new RangeError(`${instance} is longer than ${first}`);
        const start = headBytes + i * template.length;
        body.set(template, start);
        for (const at of places) body.write(instance, start + at, 'latin1');
      }
      yield body.subarray(0, headBytes + some.length * template.length);
    }
  }

  #times({ fromMs, toMs }: Portion): readonly number[] {
    const { startMs, endMs, intervalMs } = this.#size;
    const times: number[] = [];
    const skipped = Math.max(0, Math.ceil((fromMs - startMs) / intervalMs));
    const stopMs = Math.min(endMs, toMs);
    for (let timeMs = startMs + skipped * intervalMs; timeMs < stopMs; timeMs += intervalMs)
      times.push(timeMs);
    return times;
  }

  #requestOf(instance: string, portion: Portion): Buffer {
    const writer = new ByteWriter(1024 * 1024);
    const timestamps = Float64Array.from(this.#times(portion));
    if (timestamps.length === 0) return writer.copy();
    for (const sampler of this.#samplers) {
      const rows = Array.from(timestamps, (timeMs) => this.#block(sampler, 1, timeMs).values);
      let index = 0;
      for (const { name, labelNames, series } of sampler.schema.metrics) {
        for (const texts of series) {
          const at = index++;
          const own = labelNames.map((label, i) => [label, texts[i] ?? ''] as const);
          const labels = Labels.from([['__name__', name], ...own, ['instance', instance], ['job', 'node']]);
          const values = Float64Array.from(rows, (row) => row[at] ?? Number.NaN);
          putSeries(writer, { labels, timestamps, values });
        }
      }
    }
    return writer.copy();
  }

  #block(sampler: SimulatedSampler, schemaNumber: number, timeMs: number) {
    const shape = { index: 0, fault: 'none', cpuCount: 2, intervalMs: this.#size.intervalMs } as const;
    const block = sampler.block(schemaNumber, (timeMs / 1000) % 10_000_000, shape);
    if (block.kind !== 'values') throw new TypeError('a recording has no failures');
    return block;
  }
}

/** Applies a record to the sessions of all hosts. @returns its number @throws Error when one refuses it */
export function applyToAll(sessions: readonly JournalSession[], bytes: Buffer): number {
  const record = decodeRecord(bytes, 0);
  for (const session of sessions) {
    const outcome = session.apply(EPOCH_ID, record);
    if (outcome.kind !== 'accepted' && outcome.kind !== 'duplicate')
      throw new Error(`a record of the recording was ${outcome.kind}: ${outcome.text}`);
  }
  return record.seq;
}

function recordOf(
  kind: number,
  seq: number,
  { wallMs, body }: { readonly wallMs: number; readonly body: Uint8Array },
): Buffer {
  return encodeRecord({ kind, flags: 0, wallMs, bootMs: wallMs % 2 ** 40, body }, seq);
}

/** Content of a body, about; a request costs as much as some thousand samples. */
const BODY_BYTES = 4 * 1024 * 1024;
const SNAPPY_HEAD_BYTES = 10;
/** A literal whose length stands in the next four bytes. Source: google/snappy, format_description.txt, section 2.1. */
const LONG_LITERAL = 63 << 2;

/** What makes a Snappy block out of content that is not packed: packing gigabytes would take longer than sending them. */
function putSnappyHead(body: Buffer, contentLength: number): number {
  const length = snappyLength(contentLength);
  body.set(length);
  body[length.length] = LONG_LITERAL;
  return body.writeUInt32LE(contentLength - 1, length.length + 1);
}
