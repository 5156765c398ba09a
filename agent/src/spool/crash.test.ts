/** The spool against a plain list of readings, while the process or the power dies at any call to the disk. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { ProcessDied } from '@rollcall/shared/testing/fake-disk.ts';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import type { DurableSpool, SyncPolicy } from './durable.ts';
import { TestMachine } from './testing.ts';

const SCHEMAS = [testSchema('a', 3), testSchema('a', 4), testSchema('b', 5)];

const operation = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('append' as const), at: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), at: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('giveUp' as const), at: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rotate' as const), at: fc.nat(99) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), at: fc.constant(0) }) },
);
const life = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 25 }),
  /** Calls to the disk until the process dies. */
  callsLeft: fc.nat(250),
});

type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

/** A collector and the readings that it must still get. */
class Model {
  /** Wall clocks of readings that must be held, and of those that may be: the process died while it was about them. */
  readonly due = new Set<number>();
  readonly perhaps = new Set<number>();
  readonly watermarks = new Map<string, number>();
  tick = 0;

  apply(spool: DurableSpool, { kind, at }: { readonly kind: string; readonly at: number }): void {
    const { id } = currentEpoch(spool);
    // Of the numbers that can be read: where the process dies, that may be none.
    const last = readAll(spool, id, 1).at(-1)?.to ?? 0;
    const seq = Math.ceil((last * at) / 99);
    if (kind !== 'append' && seq === 0) return;
    switch (kind) {
      case 'append': {
        const wallMs = ++this.tick;
        this.perhaps.add(wallMs);
        appendTick(spool, SCHEMAS.slice(at % 3), wallMs);
        this.due.add(wallMs);
        return;
      }
      case 'acknowledge':
        for (const wallMs of ticksOf(spool, id, 1, seq)) this.mayGo(wallMs);
        this.watermarks.set(id, Math.max(seq, this.watermarks.get(id) ?? 0));
        return spool.acknowledge(id, seq);
      case 'giveUp':
        for (const wallMs of ticksOf(spool, id, seq, seq)) {
          this.mayGo(wallMs);
          spool.giveUp({ epochId: id, seq, reason: GAP_REASON.POISON });
        }
        return;
      case 'rotate': {
        const after = Math.max(seq, this.watermarks.get(id) ?? 0);
        for (const wallMs of ticksOf(spool, id, 1, after)) this.mayGo(wallMs);
        return spool.rotateEpoch({ epochId: id, rehomeAfter: after });
      }
    }
  }

  mayGo(wallMs: number): void {
    this.due.delete(wallMs);
    this.perhaps.add(wallMs);
  }

  /** All readings that the collector would get now, epoch by epoch. */
  heldBy(spool: DurableSpool): number[] {
    return spool
      .epochs()
      .flatMap(({ id, next }) => ticksOf(spool, id, (this.watermarks.get(id) ?? 0) + 1, next));
  }

  /** Numbers that have neither a record nor a gap. */
  holesIn(spool: DurableSpool): string[] {
    return spool.epochs().flatMap(({ id, next }) => {
      const from = (this.watermarks.get(id) ?? 0) + 1;
      const holes: string[] = [];
      let seq = from;
      for (const record of readAll(spool, id, from)) {
        if (record.seq !== seq) holes.push(`${id} ${seq}`);
        seq = record.to + 1;
      }
      if (seq < next) holes.push(`${id} ${seq}`);
      return holes;
    });
  }
}

function ticksOf(spool: DurableSpool, id: string, from: number, to: number): number[] {
  return readAll(spool, id, from).flatMap(({ seq, kind, wallMs }) =>
    kind === RECORD_KIND.SAMPLES && seq <= to ? [wallMs] : [],
  );
}

/** Runs operations until they end or the process dies. */
async function live(
  machine: TestMachine,
  spool: DurableSpool,
  model: Model,
  plan: Life & { readonly sync?: SyncPolicy },
): Promise<void> {
  let callsLeft = plan.callsLeft;
  machine.disk.fault = () => {
    if (callsLeft-- === 0) machine.disk.die();
  };
  try {
    for (const each of plan.operations) {
      // A collector acknowledges only what it got, which is what was durable.
      if (each.kind === 'settle' || (plan.sync === 'always' && each.kind !== 'append')) await settle(spool);
      if (each.kind !== 'settle') model.apply(spool, each);
    }
  } catch (error) {
    if (!(error instanceof ProcessDied)) throw error;
  }
}

const SIZES = { segmentBytes: 700, maxBytes: 1 << 20, retentionMs: 0 };

/** Lets the queue of the disk and what it sets off run empty. */
async function settle(spool: DurableSpool): Promise<void> {
  for (let i = 0; i < 5; i++) await spool.settled();
}

// Under `always` what is acknowledged has left memory.
const policy = fc.constantFrom(
  { sync: 'never', segmentBytes: 700 } as const,
  { sync: 'always', segmentBytes: 700 } as const,
  { sync: 'always', segmentBytes: 4_000 } as const,
);

it('has each reading once after the process died at any call to the disk, again and again', async () => {
  await fc.assert(
    fc.asyncProperty(policy, fc.array(life, { minLength: 1, maxLength: 4 }), async (policyUsed, lives) => {
      const sizes = { ...SIZES, ...policyUsed };
      const machine = new TestMachine();
      const model = new Model();
      let spool = machine.open(sizes);
      for (const plan of lives) {
        await live(machine, spool, model, { ...plan, sync: sizes.sync });
        spool = await machine.killAndOpen(sizes);
        const held = model.heldBy(spool);
        expect(new Set(held).size).toBe(held.length);
        expect([...model.due].filter((wallMs) => !held.includes(wallMs))).toEqual([]);
        expect(held.filter((wallMs) => !model.due.has(wallMs) && !model.perhaps.has(wallMs))).toEqual([]);
        expect(model.holesIn(spool)).toEqual([]);
        for (const wallMs of held) model.due.add(wallMs);
      }
    }),
    { numRuns: 160 },
  );
});

it('has what was sent after the power was lost, and never uses a number again that was sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ plan: life, seed: fc.nat() }), { minLength: 1, maxLength: 3 }),
      async (lives) => {
        const machine = new TestMachine();
        const model = new Model();
        const sent = new Sent();
        let spool = machine.open({ ...SIZES, sync: 'always' });
        for (const { plan, seed } of lives) {
          const operations = plan.operations.filter(({ kind }) => kind === 'append' || kind === 'settle');
          await live(machine, spool, model, { ...plan, operations });
          machine.disk.restart();
          const wasSent = sent.note(spool);
          machine.disk.die();
          await spool.settled();
          machine.disk.losePower(seededRandom(seed));
          machine.bootId = `boot after ${machine.disk.calls}`;
          spool = machine.open({ ...SIZES, sync: 'always' });
          const held = model.heldBy(spool);
          expect(wasSent.filter((wallMs) => !held.includes(wallMs))).toEqual([]);
          expect(new Set(held).size).toBe(held.length);
          expect(model.holesIn(spool)).toEqual([]);
          sent.note(spool);
          expect(sent.conflicts).toEqual([]);
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** What the collector may have got: the same number must always be the same record. */
class Sent {
  readonly #records = new Map<string, string>();
  readonly conflicts: string[] = [];

  /** Notes all that may be sent now; returns the readings among it. */
  note(spool: DurableSpool): number[] {
    const walls: number[] = [];
    for (const { id } of spool.epochs()) {
      for (const { seq, kind, wallMs, gap } of readAll(spool, id, 1)) {
        if (gap !== undefined) continue;
        const text = `${kind} ${wallMs}`;
        const before = this.#records.get(`${id} ${seq}`) ?? text;
        if (before !== text) this.conflicts.push(`${id} ${seq}: ${before}, ${text}`);
        this.#records.set(`${id} ${seq}`, text);
        if (kind === RECORD_KIND.SAMPLES) walls.push(wallMs);
      }
    }
    return walls;
  }
}
