/**
 * A child process appends through the real journal and is killed at random times. Whatever it said was committed must be
 * there once, with the right values, after the journal was opened again.
 */
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import { openJournalReader } from '../../collector/src/journal/reader.ts';
import { SchemaCache } from '../../collector/src/journal/schema-cache.ts';
import { createEmbeddedStorage } from '../../collector/src/storage/embedded/embedded.ts';
import { createMatcher } from '../../collector/src/storage/matcher.ts';

const ROUNDS = 6;
/** Time of tick 0: long ago enough that no tick is in the future, and inside the window that the journal accepts. */
const BASE_MS = systemClock.wallMs() - 7 * 86_400_000;

test('what was acknowledged before a kill is readable exactly once', { timeout: 60_000 }, async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // The writer goes on from the durable mark, which may be ahead of the last line that it could print.
    const said = await writeUntilKilled(path, randomInt(20, 400));
    acknowledged = Math.max(acknowledged, said);
    const stored = await readBack(path);
    expect(stored.length).toBeGreaterThanOrEqual(acknowledged);
    expect(stored).toEqual(stored.map((_, at) => at + 1));
  }
  expect(acknowledged).toBeGreaterThan(0);
});

/** Lets the writer run for some time after its first acknowledgement; returns the last tick that it acknowledged. */
function writeUntilKilled(path: string, lifeMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'journal-writer.ts'), path, String(BASE_MS)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), lifeMs);
      output += text;
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      // A line that was cut says nothing.
      const last = output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1);
      if (signal === 'SIGKILL' && last !== undefined) resolve(Number(last));
      else reject(new Error(`the writer ended by itself: ${output.slice(-200)}`));
    });
  });
}

/** Values of the ticks in the store; each tick's value is its number, and its time follows from it. */
async function readBack(path: string): Promise<number[]> {
  const schemas = new SchemaCache();
  const common = { clock: systemClock, randomBytes, yieldToLoop: nextTurn };
  const journal = openJournal({ path, log: silentLogger, schemas, ...common });
  const reader = openJournalReader({ path, schemas });
  const storage = createEmbeddedStorage({
    journal,
    reader,
    identityOf: () => [['instance', 'a']],
    ...common,
  });
  const matchers = [createMatcher('__name__', '=', 'load')];
  const range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, samplesMax: 1e9 };
  const [series] = await storage.select({ matchers, ...range }, new AbortController().signal);
  await storage.close();
  await journal.close();
  reader.close();
  const values = [...(series?.values ?? [])];
  expect([...(series?.timestamps ?? [])]).toEqual(values.map((value) => BASE_MS + value * 100));
  return values;
}
