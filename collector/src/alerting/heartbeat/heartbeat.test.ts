import { Secret } from '@rollcall/shared/lib/secret.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import type { Post } from '../notify/post.ts';
import { recordingCounters, recordingLogger } from '../testing/world.ts';
import { Heartbeat, type Vitality } from './heartbeat.ts';

const MINUTE_MS = 60_000;

function setUp() {
  const clock = new FakeClock();
  const log = recordingLogger();
  const counters = recordingCounters();
  const calls: string[] = [];
  let vitality: () => Partial<Vitality> = () => ({});
  let answer: Post = () => Promise.resolve({ status: 200, retryAfter: null, body: '' });
  const heartbeat = new Heartbeat({
    url: new Secret('https://example.org/ping/hunter2'),
    post: (request, signal) => {
      calls.push(request.url);
      return answer(request, signal);
    },
    clock,
    log,
    counters,
    vitality: () => ({
      isJournalWritable: true,
      evaluatedMs: clock.wallMs() - 1_000,
      oldestDueMs: null,
      ...vitality(),
    }),
  });
  const problems = (): readonly unknown[] => log.lines.map(({ fields }) => fields['problem'] ?? null);
  return {
    clock,
    log,
    counters,
    calls,
    heartbeat,
    problems,
    setVitality: (next: () => Partial<Vitality>) => void (vitality = next),
    setAnswer: (next: Post) => void (answer = next),
  };
}

describe('the heartbeat', () => {
  it('is sent each minute while all is well, and not before the first one', async () => {
    const { clock, calls, heartbeat, log } = setUp();
    heartbeat.start();
    await clock.advance(MINUTE_MS - 1);
    expect(calls).toEqual([]);
    await clock.advance(3 * MINUTE_MS);
    expect(calls).toEqual(Array.from({ length: 3 }, () => 'https://example.org/ping/hunter2'));
    expect(log.lines).toEqual([]);
    await heartbeat.stop();
    await heartbeat.stop();
    await clock.advance(5 * MINUTE_MS);
    expect([calls.length, clock.timerCount]).toEqual([3, 0]);
  });

  it.each([
    [() => ({ isJournalWritable: false }), 'the journal cannot be written'],
    [() => ({ evaluatedMs: null }), 'rules are not evaluated'],
    [() => ({ evaluatedMs: 0 }), 'rules are not evaluated'],
    [() => ({ oldestDueMs: 0 }), 'notifications are not delivered'],
    [
      () => {
        throw new Error('disk I/O error');
      },
      'the state of alerting cannot be read: disk I/O error',
    ],
  ])('is withheld when it is not: case %#', async (vitality: () => Partial<Vitality>, problem) => {
    const { clock, calls, heartbeat, problems, setVitality, counters } = setUp();
    setVitality(vitality);
    heartbeat.start();
    await clock.advance(3 * MINUTE_MS);
    expect([calls, problems()]).toEqual([[], [problem]]);
    expect(counters.sum('rollcall_alerting_heartbeats_total', { outcome: 'withheld' })).toBe(3);
    setVitality(() => ({}));
    await clock.advance(MINUTE_MS);
    expect([calls.length, problems()]).toEqual([1, [problem, null]]);
    await heartbeat.stop();
  });

  it('bears an address that fails or hangs, and shows no secret', async () => {
    const { clock, calls, heartbeat, problems, setAnswer, log } = setUp();
    setAnswer(() => Promise.resolve({ status: 500, retryAfter: null, body: 'hunter2' }));
    heartbeat.start();
    await clock.advance(MINUTE_MS);
    setAnswer(
      (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        }),
    );
    await clock.advance(2 * MINUTE_MS);
    expect([calls.length, problems()]).toEqual([3, ['answered 500']]);
    await heartbeat.stop();
    expect(JSON.stringify(log.lines)).not.toContain('hunter2');
  });
});
