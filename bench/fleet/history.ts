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
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import { Labels } from '../../collector/src/storage/labels.ts';
import { putSeries } from '../../collector/src/storage/remote-protocol/messages.ts';
import { packSnappy } from '../../collector/src/storage/remote-protocol/snappy.ts';
import { loadRecording, recordedSamplers } from '../recording.ts';
import { bootMsAt } from './clock.ts';
import type { SimulatedSampler } from './host.ts';

export interface HistorySize {
  readonly startMs: number;
  /** Exclusive. */
  readonly endMs: number;
  readonly intervalMs: number;
}

const EPOCH_ID = '00000000000000f1';

export class FleetHistory {
  readonly #size: HistorySize;
  readonly #samplers: readonly SimulatedSampler[];

  /** @param path of the recording */
  constructor(path: string, size: HistorySize) {
    this.#size = size;
    this.#samplers = recordedSamplers(loadRecording(path), size);
  }

  /** Series of each host. */
  get seriesCount(): number {
    return this.#samplers.reduce((sum, { schema }) => sum + schema.seriesCount, 0);
  }

  /** Writes the records of all hosts into a journal that nobody else has open. */
  async writeJournal(path: string, agentIds: readonly string[]): Promise<void> {
    const records = this.#records();
    const ports = { clock: systemClock, log: silentLogger, randomBytes, yieldToLoop: nextTurn };
    const journal = openJournal({ path, ...ports });
    const epoch = { id: EPOCH_ID, bootId: 'b0'.repeat(16), first: 1, next: records.length + 1, acked: 0 };
    const failed = (text: string): void => {
      throw new Error(`the journal failed: ${text}`);
    };
    const sessions = [];
    for (const agentId of agentIds)
      sessions.push(await journal.openSession({ agentId, epochs: [epoch] }, { committed() {}, failed }));
    for (const bytes of records) {
      const record = decodeRecord(bytes, 0);
      for (const session of sessions) {
        const { kind } = session.apply(EPOCH_ID, record);
        if (kind !== 'accepted') throw new Error(`a record of the recording was ${kind}`);
      }
      await nextTurn();
    }
    await journal.close();
  }

  /**
   * The same samples as bodies of remote write, for one host after the other.
   * @param range part of the time; UTC milliseconds, the end exclusive
   * @param instances values of the label `instance`, all of one length
   */
  *writeRequests(
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
    instances: readonly string[],
  ): Generator<Uint8Array> {
    const [first = ''] = instances;
    const template = this.#requestOf(first, { fromMs, toMs });
    const places: number[] = [];
    for (let at = template.indexOf(first); at >= 0; at = template.indexOf(first, at + 1)) places.push(at);
    for (const instance of instances) {
      if (instance.length !== first.length) throw new RangeError(`${instance} is longer than ${first}`);
      for (const at of places) template.write(instance, at, 'latin1');
      yield packSnappy(template);
    }
  }

  *#times(): Generator<number> {
    const { startMs, endMs, intervalMs } = this.#size;
    for (let timeMs = startMs; timeMs < endMs; timeMs += intervalMs) yield timeMs;
  }

  #records(): readonly Buffer[] {
    const records: Buffer[] = [];
    const add = (kind: number, wallMs: number, body: Uint8Array): void => {
      const draft = { kind, flags: 0, wallMs, bootMs: bootMsAt(wallMs), body };
      records.push(encodeRecord(draft, records.length + 1));
    };
    for (const [i, { schema }] of this.#samplers.entries())
      add(RECORD_KIND.SCHEMA, this.#size.startMs, encodeSchemaBody(i + 1, schema));
    const writer = new ByteWriter(64 * 1024);
    for (const timeMs of this.#times()) {
      writer.reset();
      encodeSamples(
        writer,
        this.#samplers.map((sampler, i) => this.#block(sampler, i + 1, timeMs)),
      );
      add(RECORD_KIND.SAMPLES, timeMs, writer.view());
    }
    return records;
  }

  #requestOf(instance: string, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): Buffer {
    const writer = new ByteWriter(1024 * 1024);
    const timestamps = Float64Array.from([...this.#times()].filter((ms) => ms >= fromMs && ms < toMs));
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
