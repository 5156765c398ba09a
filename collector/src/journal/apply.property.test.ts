/** The journal against a plain-map model of the table of answers, with restarts and failing commits in between. */
// oxlint-disable vitest/no-standalone-expect -- the bench that the property runs is a class
import { RECORD_KIND, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import * as fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CommitFault } from './testing/faulty-store.ts';
import { gaugeSchema, LaneWriter, valuesBlock, wireRecord } from './testing/lane-writer.ts';
import {
  openHeardSession,
  openTestJournal,
  type HeardSession,
  type TestJournal,
} from './testing/test-journal.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);
const SCHEMA = gaugeSchema('cpu', { node_load1: [], node_cpu: ['0', '1'] });

type Fate = { readonly kind: 'stored' | 'rejected'; readonly record: WireRecord; readonly samples: number };

/** What the collector should hold of one lane. */
interface Model {
  watermark: number;
  readonly fates: Map<number, Fate>;
  ticks: number;
  samples: number;
  lost: number;
  hasSchema: boolean;
}

const commands = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'append' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'event' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'schema' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('duplicate' as const), back: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('conflict' as const), back: fc.nat(30) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('skip' as const), ahead: fc.integer({ min: 2, max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('gap' as const),
      length: fc.integer({ min: 1, max: 20 }),
      lost: fc.nat(9),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'unknown' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('corrupt' as const), body: fc.uint8Array({ maxLength: 9 }) }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), isClean: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('failedCommit' as const),
      fault: fc.constantFrom<CommitFault>('lost', 'arrived'),
    }),
  },
);
type Command = typeof commands extends fc.Arbitrary<infer T> ? T : never;

/** The journal under test and its model, side by side. */
class Bench {
  readonly #path: string;
  #test: TestJournal;
  #agent: HeardSession | undefined;
  #working: Model = { watermark: 0, fates: new Map(), ticks: 0, samples: 0, lost: 0, hasSchema: false };
  #durable: Model;

  constructor(path: string) {
    this.#path = path;
    this.#test = openTestJournal(path);
    this.#durable = copy(this.#working);
  }

  async run(command: Command): Promise<void> {
    const { session } = this.#agent ?? (await this.#connect());
    const model = this.#working;
    const nowMs = this.#test.clock.wallMs();
    const lane = new LaneWriter(EPOCH);
    lane.next = model.watermark + 1;
    const apply = (record: WireRecord) => session.apply(EPOCH, record);
    switch (command.kind) {
      case 'append': {
        const record = lane.tick(nowMs, [valuesBlock(1, SCHEMA, [model.watermark, undefined, 3])]);
        const samples = model.hasSchema ? 2 : 0;
        expect(apply(record)).toMatchObject({ kind: 'accepted', samples });
        take(model, { kind: 'stored', record, samples }, 1);
        return;
      }
      case 'event': {
        const record = lane.event(nowMs, { n: model.watermark });
        expect(apply(record).kind).toBe('accepted');
        take(model, { kind: 'stored', record, samples: 0 }, 0);
        return;
      }
      case 'schema': {
        const record = lane.schema(1, SCHEMA, nowMs);
        expect(apply(record).kind).toBe('accepted');
        take(model, { kind: 'stored', record, samples: 0 }, 0);
        model.hasSchema = true;
        return;
      }
      case 'duplicate': {
        const fate = model.fates.get(Math.max(1, model.watermark - command.back));
        if (fate !== undefined) expect(apply(fate.record).kind).toBe('duplicate');
        return;
      }
      case 'conflict': {
        const seq = model.watermark - command.back;
        if (seq < 1) return;
        const body = Buffer.from('{"forged":true}');
        const forged = wireRecord({ seq, kind: RECORD_KIND.EVENT, wallMs: nowMs, body });
        const isKnown =
          model.fates.get(seq)?.kind === 'stored' || (command.back === 0 && model.fates.has(seq));
        expect(apply(forged).kind).toBe(isKnown ? 'refused' : 'duplicate');
        return;
      }
      case 'skip':
        lane.next = model.watermark + command.ahead;
        expect(apply(lane.event(nowMs, {}))).toMatchObject({ kind: 'refused', code: 'SEQ_HOLE' });
        return;
      case 'gap': {
        const to = model.watermark + command.length;
        const samplesThrough = model.samples + command.lost;
        expect(apply(lane.gap(nowMs, { to, ticksThrough: model.ticks + 1, samplesThrough })).kind).toBe(
          'accepted',
        );
        model.watermark = to;
        model.ticks++;
        model.samples = samplesThrough;
        model.lost += command.lost;
        return;
      }
      case 'unknown':
      case 'corrupt': {
        const isUnknown = command.kind === 'unknown';
        // A first byte of 0 is a block count that no valid body has.
        const body = isUnknown ? Buffer.from('?') : Buffer.from([0, ...command.body]);
        const record = lane.raw(isUnknown ? 200 : RECORD_KIND.SAMPLES, nowMs, body);
        const code = isUnknown ? 'UNKNOWN_KIND' : 'RECORD_UNDECODABLE';
        expect(apply(record)).toMatchObject({ kind: 'rejected', code });
        take(model, { kind: 'rejected', record, samples: 0 }, isUnknown ? 0 : 1);
        return;
      }
      case 'commit':
        await this.#commit();
        return;
      case 'restart':
        if (command.isClean) await this.#test.journal.close();
        if (command.isClean) this.#durable = copy(model);
        // Not closed: the process died, and its open group with it.
        this.#test = openTestJournal(this.#path);
        this.#lose();
        return;
      case 'failedCommit':
        await this.#failCommit(command.fault);
        return;
    }
  }

  async #connect(): Promise<HeardSession> {
    this.#agent = await openHeardSession(this.#test.journal, AGENT, [EPOCH]);
    const [mark] = this.#agent.session.marks;
    expect(mark?.watermark).toBe(this.#durable.watermark);
    for (const { seq, crc } of mark?.crcs ?? []) expect(this.#durable.fates.get(seq)?.record.crc).toBe(crc);
    return this.#agent;
  }

  async #commit(): Promise<void> {
    const isChanged = this.#working.watermark !== this.#durable.watermark;
    await this.#test.commit();
    if (isChanged) expect(this.#agent?.heard.at(-1)).toBe(`${EPOCH}:${this.#working.watermark}`);
    this.#durable = copy(this.#working);
  }

  async #failCommit(fault: CommitFault): Promise<void> {
    if (this.#working.watermark === this.#durable.watermark) return;
    this.#test.store.failNext(fault);
    await this.#test.commit();
    expect(this.#agent?.heard.at(-1)).toBe('failed');
    if (fault === 'arrived') this.#durable = copy(this.#working);
    this.#lose();
    await this.#test.clock.advance(31_000);
    expect(this.#test.journal.stats().isWritable).toBe(true);
  }

  /** The session ended, and with it what was not durable. */
  #lose(): void {
    this.#agent = undefined;
    this.#working = copy(this.#durable);
  }

  /** Closes the journal and compares all that is stored with the model. */
  async finish(): Promise<void> {
    await this.#commit();
    expect(Object.values(this.#test.journal.lostSamples(AGENT)).reduce((a, b) => a + b, 0)).toBe(
      this.#durable.lost,
    );
    const stored = [...this.#durable.fates.values()].filter(({ kind }) => kind === 'stored');
    const samples = stored.reduce((sum, fate) => sum + fate.samples, 0);
    expect(this.#test.journal.stats()).toMatchObject({ rows: stored.length, samples });
    await this.#test.journal.close();
    const database = new DatabaseSync(this.#path, { readOnly: true });
    const rows = database.prepare('SELECT bytes FROM records ORDER BY pos').all();
    const lane = database.prepare('SELECT * FROM lanes').get();
    const rejects = database.prepare('SELECT count(*) AS n FROM rejects').get();
    database.close();
    expect(rows.map(({ bytes }) => bytes)).toEqual(stored.map(({ record }) => new Uint8Array(record.bytes)));
    if (lane === undefined) return;
    const rejected = this.#durable.fates.size - stored.length;
    expect(rejects).toMatchObject({ n: rejected });
    expect(lane).toMatchObject({ watermark: this.#durable.watermark, applied: stored.length, rejected });
    expect(lane['gapped']).toBe(this.#durable.watermark - this.#durable.fates.size);
  }
}

function take(model: Model, fate: Fate, ticks: number): void {
  model.watermark++;
  model.fates.set(model.watermark, fate);
  model.ticks += ticks;
  model.samples += fate.samples;
}

function copy(model: Model): Model {
  return { ...model, fates: new Map(model.fates) };
}

test('the journal answers and stores as the table says, whatever happens in between', async () => {
  const property = fc.asyncProperty(fc.array(commands, { minLength: 1, maxLength: 40 }), async (list) => {
    using dir = tempDir();
    const bench = new Bench(join(dir.path, 'journal.db'));
    for (const command of list) await bench.run(command);
    await bench.finish();
  });
  await expect(fc.assert(property, { numRuns: 30 })).resolves.toBeUndefined();
});
