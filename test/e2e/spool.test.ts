/**
 * The promise of the spool with real processes: both ends are killed with readings on the way, and afterwards the
 * collector has every one of them.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, expect, it } from 'vitest';
import { freePort } from '../harness/ports.ts';
import { createToken, killAll, startAgent, startCollector, waitFor } from '../harness/processes.ts';

/** Two readings of any machine, or more. */
const PILE_BYTES = 1_000;

const cleanups: (() => void)[] = [];
afterEach(() => {
  killAll();
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

it('loses no reading when collector and agent are killed one after the other', async () => {
  const dir = tempDir();
  cleanups.push(() => dir[Symbol.dispose]());
  const dataDir = join(dir.path, 'collector');
  const port = await freePort();
  const flags = ['--listen', `127.0.0.1:${port}`];
  const collector = await startCollector(dataDir, flags);
  const agentOptions = {
    url: collector.url,
    dataDir: join(dir.path, 'agent'),
    token: createToken(dataDir),
    flags: ['--interval', '1s'],
  };
  const spoolDir = join(agentOptions.dataDir, 'spool');
  const agent = startAgent(agentOptions);
  await waitFor('a first reading', async () =>
    (await readingsOf(collector.url)).length > 0 ? true : undefined,
  );

  await collector.stop('SIGKILL');
  const bytesBefore = segmentBytes(spoolDir);
  await waitFor('readings to pile up', () =>
    segmentBytes(spoolDir) > bytesBefore + PILE_BYTES ? true : undefined,
  );
  await agent.stop('SIGKILL');
  const successor = startAgent(agentOptions);
  const next = await startCollector(dataDir, flags);
  const readings = await waitFor('readings of the second agent', async () => {
    const found = await readingsOf(next.url);
    return found.lastIndexOf(1) > 0 && (found.at(-1) ?? 0) > 1 ? found : undefined;
  });

  // Each agent counts its readings from 1: both are there in full, in order and once.
  const second = readings.lastIndexOf(1);
  expect(second).toBeGreaterThan(2);
  expect(readings.slice(0, second)).toEqual(upTo(second));
  expect(readings.slice(second)).toEqual(upTo(readings.length - second));
  expect(await successor.stop()).toBe(0);
  expect(await next.stop()).toBe(0);
});

/** What each reading that the collector has says how many the agent had taken, oldest first. */
async function readingsOf(url: string): Promise<number[]> {
  const query = encodeURIComponent('rollcall_agent_ticks_taken_total[10m]');
  const response = await fetch(`${url}/api/v1/query?query=${query}`);
  const text = await response.text();
  return [...text.matchAll(/\[\d+\.?\d*,"(\d+)"/g)].map((match) => Number(match[1]));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_unused, index) => index + 1);
}

/** Size of all segments. */
function segmentBytes(spoolDir: string): number {
  return readdirSync(spoolDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.seg'))
    .reduce((sum, name) => sum + statSync(join(spoolDir, name)).size, 0);
}
