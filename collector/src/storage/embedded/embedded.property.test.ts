/** The embedded store against the reference store, and its two ways of reading against each other. */
import type { FailedBlock, ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { Labels } from '../labels.ts';
import { createMatcher, type Matcher } from '../matcher.ts';
import { MemoryStorage } from '../memory/memory.ts';
import type { AppendSeries, Series, Storage } from '../storage.ts';
import { openTestStorage } from './testing/test-storage.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
const calm = new AbortController().signal;

interface Question {
  readonly matchers: readonly Matcher[];
  readonly fromMs: number;
  readonly toMs: number;
}

const names = fc.constantFrom('m', 'n');
const texts = fc.constantFrom('', '1', '2', 'é');

const appends: fc.Arbitrary<AppendSeries> = fc
  .record({
    name: names,
    a: texts,
    b: texts,
    samples: fc.array(
      fc.record({
        timeMs: fc.integer({ min: 0, max: 20 }).map((step) => BASE_MS + step * 60_000),
        value: fc.constantFrom(0, -0, 1, 2.5, Number.NaN, Infinity, -Infinity),
        isStale: fc.boolean(),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ name, a, b, samples }) => ({ labels: Labels.of({ __name__: name, a, b }), samples }));

const matchers = fc
  .record({
    name: fc.constantFrom('__name__', 'a', 'b', 'c'),
    operator: fc.constantFrom('=', '!=', '=~', '!~'),
    text: texts,
  })
  .map(({ name, operator, text }) => createMatcher(name, operator, text));

const questions: fc.Arbitrary<Question> = fc.record({
  matchers: fc.array(matchers, { minLength: 1, maxLength: 3 }),
  fromMs: fc.integer({ min: -1, max: 20 }).map((step) => BASE_MS + step * 60_000),
  toMs: fc.integer({ min: -1, max: 21 }).map((step) => BASE_MS + step * 60_000),
});

const steps = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(appends, { maxLength: 4 }).map((batch) => ({ kind: 'append' as const, batch })),
  },
  { weight: 4, arbitrary: questions.map((question) => ({ kind: 'ask' as const, question })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(60_000, 180_000, 86_400_000)
      .chain((windowMs) => fc.boolean().map((isMerged) => ({ kind: 'seal' as const, windowMs, isMerged }))),
  },
);

async function answers(storage: Storage, question: Question): Promise<unknown[]> {
  const found = await storage.select({ ...question, samplesMax: 1e6 }, calm);
  return found.map(plain);
}

/** A series without the values of its stale markers, which say nothing. */
function plain({ labels, timestamps, values, stale }: Series): unknown {
  const samples = Array.from(timestamps, (timeMs, at) =>
    stale?.[at] === 1 ? [timeMs] : [timeMs, values[at]],
  );
  return { labels: labels.toString(), samples };
}

test('answers as the reference store does, whatever was written, also after restarts', async () => {
  const property = fc.asyncProperty(
    fc.array(steps, { minLength: 1, maxLength: 14 }),
    fc.constantFrom(0, 1_000, 1e9),
    async (list, windowBytes) => {
      using dir = tempDir();
      const open = () =>
        openTestStorage({ dir: dir.path, wallMs: BASE_MS + 600_000, limits: { windowBytes } });
      const reference = new MemoryStorage();
      let embedded = open();
      for (const step of list) {
        if (step.kind === 'restart') {
          await embedded.close();
          embedded = open();
          continue;
        }
        if (step.kind === 'seal') {
          await embedded.seal(step.windowMs, BASE_MS + (step.isMerged ? 2 * 86_400_000 : 0));
          continue;
        }
        const run = (storage: Storage) =>
          step.kind === 'append' ? storage.append(step.batch) : answers(storage, step.question);
        expect(await run(embedded.storage)).toEqual(await run(reference));
      }
      const all = { matchers: [createMatcher('__name__', '!=', '')], fromMs: 0, toMs: BASE_MS * 2 };
      expect(await answers(embedded.storage, all)).toEqual(await answers(reference, all));
      await embedded.close();
    },
  );
  await expect(fc.assert(property, { numRuns: 20 })).resolves.toBeUndefined();
});

/** Newest samples of the series that have not ended. */
function newestOf(all: readonly Series[]): unknown[] {
  return all
    .filter(({ stale, timestamps }) => stale?.[timestamps.length - 1] !== 1)
    .map(({ labels, timestamps, values }) => [labels.toString(), timestamps.at(-1), values.at(-1)]);
}

const SCHEMAS = [
  gaugeSchema('disk', { free: ['a', 'b'] }),
  gaugeSchema('disk', { free: ['b', 'c'] }),
  gaugeSchema('cpu', { load: [] }),
] as const;

/**
 * A tick of a host: what the block of each sampler says, and in which epochs it stands; in both where it was sent again
 * under new numbers.
 */
const ticks = fc.record({
  step: fc.integer({ min: 0, max: 60 }),
  host: fc.integer({ min: 0, max: 1 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  blocks: fc.uniqueArray(
    fc.record({
      schema: fc.integer({ min: 0, max: 2 }),
      isFailed: fc.boolean(),
      present: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
      offsetMs: fc.integer({ min: -2_000, max: 2_000 }),
    }),
    { minLength: 1, maxLength: 2, selector: ({ schema }) => SCHEMAS[schema]?.sampler },
  ),
});

function blocksOf(
  tick: typeof ticks extends fc.Arbitrary<infer T> ? T : never,
): (ValuesBlock | FailedBlock)[] {
  return tick.blocks.map(({ schema: at, isFailed, present, offsetMs }) => {
    const schema = SCHEMAS[at] ?? SCHEMAS[0];
    if (isFailed) return { kind: 'failed', schemaNumber: at + 1, offsetMs, code: 2 };
    const values = Array.from({ length: schema.seriesCount }, (_, i) =>
      present[i] === true ? tick.step + i : undefined,
    );
    return valuesBlock(at + 1, schema, values, offsetMs);
  });
}

test('answers the same from the window, from the journal, and from a window that was filled from it', async () => {
  const hosts = ['a'.repeat(32), 'b'.repeat(32)];
  const epochs = ['e'.repeat(16), 'f'.repeat(16)];
  const property = fc.asyncProperty(
    fc.uniqueArray(ticks, { minLength: 1, maxLength: 40, selector: ({ host, step }) => host * 100 + step }),
    fc.array(questions, { minLength: 1, maxLength: 4 }),
    async (list, asked) => {
      using dir = tempDir();
      const open = (windowMs: number, windowBytes = 1e9, windowHosts: 'all' | 'own' = 'all') =>
        openTestStorage({
          dir: dir.path,
          wallMs: BASE_MS + 600_000,
          identityOf: (agentId) => [['a', agentId.slice(0, 1)]],
          limits: { windowMs, windowBytes },
          windowHosts,
        });
      // The first reading keeps everything in memory, the second nothing, the third what fits.
      const first = open(1e9);
      for (const [at, agentId] of hosts.entries()) {
        const { session } = await openHeardSession(first.journal, agentId, epochs);
        const lanes = epochs.map((epochId) => new LaneWriter(epochId));
        for (const lane of lanes) {
          for (const [i, schema] of SCHEMAS.entries())
            session.apply(lane.epochId, lane.schema(i + 1, schema, BASE_MS));
        }
        // In order of time within each epoch, as agents write.
        for (const tick of list
          .filter(({ host }) => host === at)
          .sort((left, right) => left.step - right.step)) {
          for (const [i, lane] of lanes.entries()) {
            if ((tick.epochs & (1 << i)) === 0) continue;
            const record = lane.tick(BASE_MS + tick.step * 10_000, blocksOf(tick));
            expect(session.apply(lane.epochId, record).kind).toBe('accepted');
          }
        }
        await openHeardSession(first.journal, agentId, epochs);
      }
      const all = { matchers: [createMatcher('__name__', '!=', '')], fromMs: 0, toMs: BASE_MS * 2 };
      const asks = [all, ...asked];
      const collect = async (storage: Storage) => {
        const results: unknown[] = [];
        for (const question of asks) {
          const all = await storage.select({ ...question, samplesMax: 1e6 }, calm);
          results.push(all.map(plain));
          // For an instant only the newest samples come back, of series that have not ended.
          const instant = await storage.select({ ...question, samplesMax: 1e6, hints: {} }, calm);
          expect(newestOf(instant)).toEqual(newestOf(all));
        }
        return results;
      };
      const wanted = await collect(first.storage);
      await first.close();
      for (const [windowMs, windowBytes] of [[0], [1e9], [300_000, 2_000]] as const) {
        const again = open(windowMs, windowBytes);
        expect(await collect(again.storage)).toEqual(wanted);
        expect(await collect(again.storage)).toEqual(wanted);
        await again.close();
      }
      const ownOnly = open(1e9, 1e9, 'own');
      expect(await collect(ownOnly.storage)).toEqual(wanted);
      await ownOnly.close();
      // From blocks, with and without what was in memory when they were made.
      const sealing = open(1e9);
      expect(await collect(sealing.storage)).toEqual(wanted);
      await sealing.seal(300_000);
      expect(await collect(sealing.storage)).toEqual(wanted);
      // Two days later the pieces are merged.
      await sealing.seal(300_000, BASE_MS + 2 * 86_400_000);
      expect(await collect(sealing.storage)).toEqual(wanted);
      await sealing.close();
      for (const windowMs of [0, 1e9]) {
        const again = open(windowMs);
        expect(await collect(again.storage)).toEqual(wanted);
        await again.close();
      }
    },
  );
  await expect(fc.assert(property, { numRuns: 5 })).resolves.toBeUndefined();
});
