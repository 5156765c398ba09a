/** A store that keeps what it followed and read in memory, against one that reads it from the journal each time. */
import { join } from 'node:path';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PollLimits } from '../../journal/follower.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import type { ExpectedRead, FollowingReader } from '../storage.ts';
import { createFollowingStorage } from './following.ts';
import type { EmbeddedLimits } from './limits.ts';
import { openTestStorage, type TestStorage } from './testing/test-storage.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
const STEP_MS = 10_000;
const NOW_MS = BASE_MS + 100 * STEP_MS;
const AGENTS = ['a'.repeat(32), 'b'.repeat(32)] as const;
/** Each goes forward in time on its own, so that one brings what is older than what the other brought. */
const EPOCHS = ['e'.repeat(16), 'f'.repeat(16)] as const;
const SCHEMAS = [
  gaugeSchema('disk', { free: ['a', 'b'] }),
  gaugeSchema('disk', { free: ['b', 'c'] }),
  gaugeSchema('cpu', { load: [] }),
] as const;
const METRICS = ['free', 'load', 'own'] as const;
const calm = new AbortController().signal;

/**
 * A question; some reach beyond what there is, some lie before it, some want the newest samples only, and some those at times so
 * many milliseconds apart.
 */
const questions = fc.record({
  kind: fc.constant('ask' as const),
  metric: fc.constantFrom(...METRICS),
  from: fc.constantFrom(-50, 0, 0, 5, 12, 60),
  length: fc.constantFrom(300, 100, 100, 20, 8, 2),
  kindOfRead: fc.constantFrom('all' as const, 'instant' as const, 60_000, 130_000),
});
const LOOKBACK_MS = 90_000;

const writes = fc.record({
  kind: fc.constant('write' as const),
  agent: fc.integer({ min: 0, max: 1 }),
  epoch: fc.integer({ min: 0, max: 1 }),
  disk: fc.integer({ min: 0, max: 1 }),
  /** How far each tick is from the one before. */
  strides: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
  isPartial: fc.boolean(),
  /** So that what one epoch has of a sampler comes in order of time, as agents read it. */
  offsetMs: fc.constantFrom(0, 0, -5_000, 4_000),
});

const steps = fc.oneof(
  { weight: 6, arbitrary: writes },
  { weight: 6, arbitrary: questions },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('own' as const), value: fc.integer() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('seal' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), agent: fc.constant(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('expect' as const),
      backs: fc.array(fc.constantFrom(0, 50_000, 300_000, 1_000_000), { minLength: 2, maxLength: 2 }),
    }),
  },
  // Past the time after which it looks at what was deleted.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
);

const limits = fc.record({
  windowMs: fc.constantFrom(1e9, 1e9, 300_000),
  windowBytes: fc.constantFrom(0, 5_000, 1e9, 1e9),
  windowLeastMs: fc.constantFrom(0, 300_000),
  windowSlackMs: fc.constantFrom(0, 60_000),
  windowShortMs: fc.constantFrom(0, 120_000),
});

class World implements AsyncDisposable {
  readonly #dir = tempDir();
  readonly #writing: TestStorage = openTestStorage({ dir: this.#dir.path, wallMs: NOW_MS });
  readonly #lanes = AGENTS.map(() => EPOCHS.map((epochId) => ({ lane: new LaneWriter(epochId), step: 0 })));
  readonly #gone = new Set<string>();
  readonly clock = new FakeClock(NOW_MS);

  open(
    settings: Partial<EmbeddedLimits>,
    poll?: PollLimits,
    memory: 'window' | 'columns' = 'window',
  ): FollowingReader {
    return createFollowingStorage({
      reader: this.#writing.reader,
      identityOf: (agentId) => (this.#gone.has(agentId) ? undefined : [['a', agentId.slice(0, 1)]]),
      // With all memory off, what matchers found is not remembered either.
      ...(settings.windowMs === 0 ? {} : { identitiesVersion: () => this.#gone.size }),
      clock: this.clock,
      yieldToLoop: nextTurn,
      limits: settings,
      memory,
      ...(poll === undefined ? {} : { poll }),
      blocks: {
        disk: nodeDisk,
        dir: join(this.#dir.path, 'blocks'),
        damaged(text) {
          throw new Error(text);
        },
      },
    });
  }

  seal(): Promise<void> {
    return this.#writing.seal(30 * STEP_MS);
  }

  delete(agent: number): void {
    this.#gone.add(AGENTS[agent] ?? '');
  }

  async own(value: number): Promise<void> {
    const samples = [{ timeMs: BASE_MS + (this.#ownStep += 3) * STEP_MS, value }];
    await this.#writing.storage.append([{ labels: Labels.of({ __name__: 'own' }), samples }]);
  }

  #ownStep = 0;

  async write(step: typeof writes extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    const agentId = AGENTS[step.agent] ?? AGENTS[0];
    const writer = this.#lanes[step.agent]?.[step.epoch];
    if (writer === undefined) throw new Error('no such lane');
    const { session } = await openHeardSession(this.#writing.journal, agentId, EPOCHS);
    const { lane } = writer;
    if (writer.step === 0) {
      for (const [i, schema] of SCHEMAS.entries())
        session.apply(lane.epochId, lane.schema(i + 1, schema, BASE_MS));
    }
    for (const stride of step.strides) {
      writer.step += stride;
      const blocks = [step.disk, 2].map((at) => {
        const schema = SCHEMAS[at] ?? SCHEMAS[0];
        const values = Array.from({ length: schema.seriesCount }, (_, i) =>
          step.isPartial && i === stride % 2 ? undefined : writer.step * 10 + i,
        );
        return valuesBlock(at + 1, schema, values, step.offsetMs);
      });
      session.apply(lane.epochId, lane.tick(BASE_MS + writer.step * STEP_MS, blocks));
    }
    // What a session has taken is durable when the next one begins.
    await openHeardSession(this.#writing.journal, agentId, EPOCHS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.close();
    this.#dir[Symbol.dispose]();
  }
}

test('answers what the journal says, whatever was read before and however late it came', async () => {
  const property = fc.asyncProperty(
    fc.array(steps, { minLength: 2, maxLength: 20, size: 'max' }),
    limits,
    fc.constantFrom(undefined, { rowsMax: 1, rowsBehindMax: 1e6 }, { rowsMax: 2, rowsBehindMax: 4 }),
    fc.constantFrom('window' as const, 'window' as const, 'columns' as const),
    async (list, settings, poll, memory) => {
      await using world = new World();
      let keeping = world.open(settings, poll, memory);
      let expected: readonly ExpectedRead[] = [];
      const plain = world.open({ windowMs: 0, windowLeastMs: 0, windowSlackMs: 0 });
      const answers: [unknown, unknown][] = [];
      for (const step of list) {
        if (step.kind === 'ask')
          answers.push([
            await answer(keeping, step),
            await answer(plain, { ...step, isHinted: step.kindOfRead === 'instant' }),
          ]);
        else if (step.kind === 'write') {
          await world.write(step);
          await selectUntold(keeping);
        } else if (step.kind === 'own') await world.own(step.value);
        else if (step.kind === 'seal') await world.seal();
        else if (step.kind === 'restart') {
          keeping = world.open(settings, poll, memory);
          keeping.expect(expected);
        } else if (step.kind === 'expect') {
          expected = step.backs.map((backMs, at) => ({ metric: METRICS[at] ?? '', backMs }));
          keeping.expect(expected);
        } else if (step.kind === 'delete') world.delete(step.agent);
        else await world.clock.advance(7_300_000);
      }
      expect(answers.map(([kept]) => kept)).toEqual(answers.map(([, read]) => read));
    },
  );
  await expect(fc.assert(property, { numRuns: 40 })).resolves.toBeUndefined();
});

async function answer(
  store: FollowingReader,
  {
    metric,
    from,
    length,
    kindOfRead,
    isHinted = true,
  }: (typeof questions extends fc.Arbitrary<infer T> ? T : never) & { readonly isHinted?: boolean },
): Promise<unknown> {
  await store.catchUp();
  const fromMs = BASE_MS + from * STEP_MS;
  const matchers = [createMatcher('__name__', '=', metric)];
  const range = { fromMs, toMs: fromMs + length * STEP_MS, samplesMax: 1e6 };
  const stepMs = typeof kindOfRead === 'number' ? kindOfRead : 0;
  const hints = kindOfRead === 'all' || !isHinted ? {} : { hints: { stepMs } };
  const found = await store.select({ matchers, ...range, ...hints }, calm);
  const told = found.map(({ labels, timestamps, values, stale }) => {
    const samples = Array.from(
      timestamps,
      (timeMs, at) => [timeMs - BASE_MS, values[at], stale?.[at] === 1] as const,
    );
    if (stepMs > 0) return [labels.toString(), onGrid(samples, { ...range, stepMs })] as const;
    // For an instant the newest sample counts, however many come with it.
    return [labels.toString(), kindOfRead === 'instant' ? samples.at(-1) : samples] as const;
  });
  // What has nothing at any of these times may be left out.
  return stepMs > 0 ? told.filter(([, samples]) => samples !== undefined) : told;
}

type Sample = readonly [timeMs: number, value: number | undefined, isStale: boolean];

/** What a query sees at each of the times, undefined when it sees nothing at all. */
function onGrid(
  samples: readonly Sample[],
  { fromMs, toMs, stepMs }: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
): readonly unknown[] | undefined {
  const seen: unknown[] = [];
  for (let timeMs = toMs; timeMs >= fromMs; timeMs -= stepMs) {
    const newest = samples.findLast(([one]) => one <= timeMs - BASE_MS);
    if (newest !== undefined && newest[0] > timeMs - BASE_MS - LOOKBACK_MS && !newest[2])
      seen.push([timeMs, newest]);
  }
  return seen.length === 0 ? undefined : seen;
}

/** As when something is committed between catching up and the snapshot of a question. */
async function selectUntold(store: FollowingReader): Promise<void> {
  const range = { fromMs: BASE_MS, toMs: NOW_MS, samplesMax: 1_000_000 };
  for (const metric of METRICS) {
    const matchers = [createMatcher('__name__', '=', metric)];
    await store.select({ matchers, ...range }, calm);
    await store.select({ matchers, ...range, hints: {} }, calm);
  }
}
