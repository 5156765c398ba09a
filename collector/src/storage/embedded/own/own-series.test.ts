import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openJournal } from '../../../journal/open-journal.ts';
import { Labels } from '../../labels.ts';
import { OwnSeriesWriter, type OwnSeriesOptions } from './own-series.ts';

function openWriter(
  yieldToLoop: () => Promise<void> = nextTurn,
  stored: Partial<Pick<OwnSeriesOptions, 'newestMs' | 'findLast'>> = {},
) {
  const clock = new FakeClock();
  const ports = { clock, log: silentLogger, randomBytes, yieldToLoop: nextTurn };
  const journal = openJournal({ path: ':memory:', ...ports });
  const writer = new OwnSeriesWriter({
    journal,
    randomBytes,
    newestMs: 0,
    intern: (schema) => schema,
    findLast: async () => new Map(),
    yieldToLoop,
    ...stored,
  });
  return { clock, journal, writer };
}

test('many new series are placed in turns of a few hundred', async () => {
  let turns = 0;
  const lastTurn = Promise.withResolvers<void>();
  const { clock, journal, writer } = openWriter(() => {
    turns++;
    // Six while they are looked up, and one after each of six schemas.
    if (turns === 12) lastTurn.resolve();
    return nextTurn();
  });
  const timeMs = clock.wallMs();
  const batch = Array.from({ length: 3_000 }, (_, i) => ({
    labels: Labels.of({ __name__: 'm', i: String(i) }),
    samples: [{ timeMs, value: i }],
  }));
  const appended = writer.append(batch);
  await lastTurn.promise;
  await nextTurn();
  await clock.advance(100);
  expect(await appended).toEqual({ accepted: 3_000, rejected: [] });
  expect(turns).toBe(12);
  await journal.close();
});

test('a batch may hold a new series more than once', async () => {
  const { clock, journal, writer } = openWriter();
  const labels = Labels.of({ __name__: 'm', instance: 'a' });
  const again = Labels.of({ instance: 'a', __name__: 'm' });
  const timeMs = clock.wallMs();
  const appended = writer.append([
    { labels, samples: [{ timeMs, value: 1 }] },
    { labels: again, samples: [{ timeMs, value: 1 }] },
    { labels: again, samples: [{ timeMs, value: 2 }] },
    { labels: again, samples: [{ timeMs: timeMs + 1, value: 2 }] },
  ]);
  await clock.advance(100);
  expect(await appended).toEqual({
    accepted: 3,
    rejected: [{ labels: again, timeMs, reason: 'duplicate_timestamp' }],
  });
  expect(journal.stats().samples).toBe(2);
  await journal.close();
});

test('what was stored before is looked for once for hundreds of series, and only for those that may have it', async () => {
  const asked: { count: number; fromMs: number }[] = [];
  const newestMs = 100_000;
  const { clock, journal, writer } = openWriter(nextTurn, {
    newestMs,
    findLast: async (series, fromMs) => {
      asked.push({ count: series.length, fromMs });
      return new Map(series.map(({ digest }) => [digest, { timeMs: newestMs, value: 1, isStale: false }]));
    },
  });
  const samples = (i: number) => {
    if (i === 700) return [{ timeMs: newestMs - 30, value: 1 }];
    return [{ timeMs: i % 2 === 0 ? newestMs : newestMs + 1, value: 1 }];
  };
  const batch = Array.from({ length: 1_200 }, (_, i) => ({
    labels: Labels.of({ __name__: 'm', i: String(i) }),
    samples: samples(i),
  }));
  const append = async () => {
    const appended = writer.append(batch);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    await clock.advance(100);
    return appended;
  };
  const late = batch[700];
  const expected = {
    accepted: 1_199,
    rejected: [{ labels: late?.labels, timeMs: newestMs - 30, reason: 'out_of_order' }],
  };
  expect(await append()).toEqual(expected);
  expect(asked).toEqual([
    { count: 250, fromMs: newestMs },
    { count: 250, fromMs: newestMs - 30 },
    { count: 100, fromMs: newestMs },
  ]);
  expect(await append()).toEqual(expected);
  expect(asked).toHaveLength(3);
  await journal.close();
});

test('a series that came without a sample is looked for when it has one', async () => {
  const labels = Labels.of({ __name__: 'm' });
  const last = { timeMs: 500, value: 1, isStale: false };
  const findLast = () => Promise.resolve(new Map([[labels.digest, last]]));
  const { journal, writer } = openWriter(nextTurn, { newestMs: 500, findLast });
  expect(await writer.append([{ labels, samples: [] }])).toEqual({ accepted: 0, rejected: [] });
  expect(await writer.append([{ labels, samples: [{ timeMs: 400, value: 2 }] }])).toEqual({
    accepted: 0,
    rejected: [{ labels, timeMs: 400, reason: 'out_of_order' }],
  });
  await journal.close();
});
