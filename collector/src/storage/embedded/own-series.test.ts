import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openJournal } from '../../journal/open-journal.ts';
import { Labels } from '../labels.ts';
import { OwnSeriesWriter } from './own-series.ts';

test('a batch may hold a new series more than once', async () => {
  const clock = new FakeClock();
  const journal = openJournal({
    path: ':memory:',
    clock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
  });
  const writer = new OwnSeriesWriter({
    journal,
    randomBytes,
    newestMs: 0,
    findLast: async () => undefined,
    yieldToLoop: nextTurn,
  });
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
