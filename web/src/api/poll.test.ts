import { signal } from '@preact/signals';
import { expect, test } from 'vitest';
import type { Answer } from './client.ts';
import { Poll } from './poll.ts';

/** A poll whose requests and timers are settled by hand. */
function handDriven() {
  const isHidden = signal(false);
  let nowMs = 1000;
  const timers = new Set<() => void>();
  const requests: {
    readonly signal: AbortSignal;
    readonly settle: (answer: Answer<number>) => Promise<void>;
  }[] = [];
  const poll = new Poll<number>({
    clock: {
      nowMs: () => nowMs,
      after: (delayMs, callback) => {
        expect(delayMs).toBe(5000);
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    intervalMs: 5000,
    isHidden,
    load: (abort) =>
      new Promise((resolve) => {
        requests.push({
          signal: abort,
          settle: async (answer) => {
            resolve(answer);
            await Promise.resolve();
            await Promise.resolve();
          },
        });
      }),
  });
  return {
    poll,
    isHidden,
    requests,
    timers,
    tick: (spanMs: number): void => {
      nowMs += spanMs;
      const due = [...timers];
      timers.clear();
      for (const callback of due) callback();
    },
  };
}

const away = { kind: 'unreachable', message: 'gone' } as const;

test('asks at once and again after each answer', async () => {
  const { poll, requests, timers, tick } = handDriven();
  poll.start();
  expect(requests).toHaveLength(1);
  expect(timers.size).toBe(0);
  await requests[0]?.settle({ kind: 'ok', value: 7 });
  expect(poll.value.value).toBe(7);
  expect(poll.updatedMs.value).toBe(1000);
  tick(5000);
  expect(requests).toHaveLength(2);
});

test('keeps the value while requests fail, says since when, and recovers', async () => {
  const { poll, requests, tick } = handDriven();
  poll.start();
  await requests[0]?.settle({ kind: 'ok', value: 7 });
  tick(5000);
  await requests[1]?.settle(away);
  tick(5000);
  await requests[2]?.settle(away);
  expect(poll.value.value).toBe(7);
  expect(poll.failure.value).toEqual(away);
  expect(poll.failingSinceMs.value).toBe(6000);
  tick(5000);
  await requests[3]?.settle({ kind: 'ok', value: 8 });
  expect([poll.value.value, poll.failure.value, poll.failingSinceMs.value]).toEqual([8, null, null]);
});

test('pauses while the tab is hidden and asks at once when it is back', async () => {
  const { poll, isHidden, requests, timers } = handDriven();
  poll.start();
  isHidden.value = true;
  expect(requests[0]?.signal.aborted).toBe(true);
  await requests[0]?.settle({ kind: 'ok', value: 7 });
  expect(poll.value.value).toBeNull();
  expect(timers.size).toBe(0);
  poll.refresh();
  expect(requests).toHaveLength(1);
  isHidden.value = false;
  expect(requests).toHaveLength(2);
});

test('forgets the request under way when stopped, and starts again', async () => {
  const { poll, requests, timers, isHidden } = handDriven();
  poll.start();
  poll.start();
  expect(requests).toHaveLength(1);
  poll.stop();
  poll.stop();
  await requests[0]?.settle({ kind: 'ok', value: 7 });
  isHidden.value = true;
  isHidden.value = false;
  poll.refresh();
  expect([poll.value.value, requests.length, timers.size]).toEqual([null, 1, 0]);
  poll.start();
  expect(requests).toHaveLength(2);
});

test('has one request under way when asked to refresh', async () => {
  const { poll, requests } = handDriven();
  poll.start();
  poll.refresh();
  expect(requests.map((request) => request.signal.aborted)).toEqual([true, false]);
  await requests[1]?.settle({ kind: 'ok', value: 2 });
  await requests[0]?.settle({ kind: 'ok', value: 1 });
  expect(poll.value.value).toBe(2);
});
