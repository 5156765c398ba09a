/**
 * Hostile queries against a real collector that agents report to: each gets a clear error or a bounded answer within its
 * time limit, and agents get their acknowledgements as fast as if nobody asked anything.
 */
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostileQueries, measureUnderFire, startTarget, type Target } from '../harness/hostile.ts';
import { killAll } from '../harness/processes.ts';

/** Answers of the query API that say what is wrong; 499 is that the client left. */
const CLEAR = [200, 400, 413, 422, 431, 503];
const TIMEOUT_S = 1;
/** The limit, what a thread may take to notice, and a slow machine. */
const ANSWER_MS_MAX = TIMEOUT_S * 1000 + 6_000;

let folder: ReturnType<typeof tempDir>;
let target: Target;

beforeAll(async () => {
  folder = tempDir();
  target = await startTarget(join(folder.path, 'data'), { hosts: 5 });
});

afterAll(async () => {
  await target.stop();
  killAll();
  folder[Symbol.dispose]();
});

describe('hostile queries', () => {
  it.each(hostileQueries())('%s', async (_name, form) => {
    const startMs = performance.now();
    const response = await fetch(`${target.url}/api/v1/${form.path}`, {
      method: 'POST',
      body: new URLSearchParams({ ...form.parameters, timeout: `${TIMEOUT_S}s` }),
    });
    const text = await response.text();
    expect(CLEAR).toContain(response.status);
    expect(text).toMatch(response.status === 200 ? /^\{"status":"success"/ : /"error":".{10}/);
    expect(performance.now() - startMs).toBeLessThan(ANSWER_MS_MAX);
  });

  it('do not delay acknowledgements', async () => {
    const { quietMs, underFireMs } = await measureUnderFire(target, { seconds: 2 });
    expect(quietMs.length).toBeGreaterThan(5);
    expect(underFireMs.length).toBeGreaterThan(5);
    // On few cores a busy thread takes time slices; what must not happen is that acks wait for a query to end.
    expect(Math.max(...underFireMs)).toBeLessThan(1_000);
  });
});
