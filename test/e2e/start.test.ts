/** `npm start` as a newcomer meets it: this machine appears, a second start goes on, mistakes get one clear line. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { freePort } from '../harness/ports.ts';
import { waitFor } from '../harness/processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const START = join(ROOT, 'deploy/local.mjs');

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

function start(parameters: readonly string[]) {
  const child = spawn(process.execPath, [START, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let text = '';
  const collect = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exit = new Promise<number | null>((resolveCode) => {
    child.once('exit', (code) => {
      children.delete(child);
      resolveCode(code);
    });
  });
  return { child, exit, output: () => text };
}

const HOSTS = z.object({ hosts: z.array(z.object({ id: z.string(), name: z.string(), state: z.string() })) });
const VECTOR = z.object({
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

async function onlyHostUp(url: string) {
  return waitFor(
    'this machine to be up',
    async () => {
      const response = await fetch(`${url}/v1/hosts`).catch(() => undefined);
      if (response === undefined) return undefined;
      const [host, ...others] = HOSTS.parse(await response.json()).hosts;
      expect(others).toEqual([]);
      return host?.state === 'up' ? host : undefined;
    },
    15_000,
  );
}

describe('npm start', () => {
  it('shows this machine with inventory and metrics, stops cleanly, and goes on with the same identity', async () => {
    using dir = tempDir();
    const port = await freePort();
    const flags = ['--listen', `127.0.0.1:${port}`, '--data-dir', join(dir.path, 'data')];
    const url = `http://127.0.0.1:${port}`;

    const first = start(flags);
    const host = await onlyHostUp(url);
    await waitFor('the inventory', async () => {
      const text = await (await fetch(`${url}/v1/hosts/${host.id}/inventory`)).text();
      return ['"name":"cpu"', '"name":"memory"', '"name":"os"'].every((part) => text.includes(part))
        ? true
        : undefined;
    });
    const load = await waitFor('a value of node_load1', async () => {
      const answer = VECTOR.parse(await (await fetch(`${url}/api/v1/query?query=node_load1`)).json());
      return answer.data.result[0];
    });
    expect(load.metric).toEqual({ __name__: 'node_load1', instance: host.name, job: 'node' });
    expect(Number(load.value[1])).toBeGreaterThanOrEqual(0);
    expect(await (await fetch(url)).text()).toContain('<title>Rollcall');
    first.child.kill('SIGINT');
    expect(await first.exit).toBe(0);

    const second = start(flags);
    expect((await onlyHostUp(url)).id).toBe(host.id);
    second.child.kill('SIGTERM');
    expect(await second.exit).toBe(0);
  });

  it('says that the port is taken, and exits with 2', async () => {
    using dir = tempDir();
    const blocker = createServer();
    const port = await freePort();
    await new Promise<void>((ready) => blocker.listen(port, '127.0.0.1', ready));
    const { exit, output } = start(['--listen', `127.0.0.1:${port}`, '--data-dir', dir.path]);
    expect(await exit).toBe(2);
    blocker.close();
    expect(lastLines(output())).toEqual([expect.stringContaining(`127.0.0.1:${port}`)]);
    expect(output()).not.toContain('at file:');
  });

  it('says that the data folder cannot be used, and exits with 2', async () => {
    using dir = tempDir();
    const file = join(dir.path, 'file');
    writeFileSync(file, '');
    const { exit, output } = start(['--listen', '127.0.0.1:0', '--data-dir', join(file, 'data')]);
    expect(await exit).toBe(2);
    expect(lastLines(output())).toEqual([expect.stringContaining(join(file, 'data'))]);
  });

  const oldNode = findOldNode();
  // oxlint-disable-next-line vitest/no-conditional-tests -- there is nothing to try it with on a newer machine
  if (oldNode !== undefined) {
    it('says that Node.js is too old, and exits with 2', () => {
      const result = spawnSync(oldNode, [START], { encoding: 'utf8' });
      expect(result.status).toBe(2);
      expect(lastLines(result.stderr)).toEqual([
        expect.stringContaining('needs Node.js 24.15 or newer, this is '),
      ]);
    });
  }
});

function lastLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('Building'));
}

/** A Node.js of this machine that is older than the one we need, if there is one to try with. */
function findOldNode(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((program) => {
      const result = spawnSync(program, ['-p', 'process.versions.node'], { encoding: 'utf8' });
      return result.status === 0 && Number(result.stdout.split('.')[0]) < 24;
    });
}
