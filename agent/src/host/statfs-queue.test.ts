import { describe, expect, it } from 'vitest';
import type { FilesystemUsage } from './host.ts';
import { StatfsQueue } from './statfs-queue.ts';

const USAGE: FilesystemUsage = {
  blockBytes: 1,
  blocks: 1,
  blocksFree: 1,
  blocksAvailable: 1,
  files: 1,
  filesFree: 1,
};

/** A kernel in which chosen mounts hang until they are released. */
class Kernel {
  readonly asked: string[] = [];
  readonly #hung = new Map<string, () => void>();
  readonly #hanging = new Set<string>();
  running = 0;
  runningMax = 0;

  readonly ask = async (path: Buffer): Promise<FilesystemUsage> => {
    const key = path.toString();
    this.asked.push(key);
    this.running += 1;
    this.runningMax = Math.max(this.running, this.runningMax);
    if (this.#hanging.has(key)) await new Promise<void>((resolve) => this.#hung.set(key, resolve));
    else await Promise.resolve();
    this.running -= 1;
    return USAGE;
  };

  hang(...paths: string[]): void {
    for (const path of paths) this.#hanging.add(path);
  }

  release(path: string): void {
    this.#hanging.delete(path);
    this.#hung.get(path)?.();
  }
}

/** One tick: asks for all mounts and gives up on those still unanswered once everything else has settled. */
async function tick(queue: StatfsQueue, paths: readonly string[]): Promise<Record<string, string>> {
  const controller = new AbortController();
  const result: Record<string, string> = {};
  const calls = paths.map(async (path) => {
    try {
      await queue.usage({ path: Buffer.from(path), isRemote: path.startsWith('nfs') }, controller.signal);
      result[path] = 'ok';
    } catch (error) {
      result[path] = error instanceof Error && 'kind' in error ? String(error.kind) : 'bug';
    }
  });
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  await Promise.all(calls);
  return result;
}

describe('StatfsQueue', () => {
  it('asks for many mounts with a bounded number under way', async () => {
    const kernel = new Kernel();
    const queue = new StatfsQueue({ ask: kernel.ask, slots: 3 });
    const paths = Array.from({ length: 200 }, (_, i) => `disk${i}`);
    const result = await tick(queue, paths);
    expect(Object.values(result).every((each) => each === 'ok')).toBe(true);
    expect(kernel.runningMax).toBe(3);
  });

  it('lets a hung mount fail alone', async () => {
    const kernel = new Kernel();
    kernel.hang('nfs1');
    const queue = new StatfsQueue({ ask: kernel.ask, slots: 3 });
    const expected = { nfs1: 'timeout', nfs2: 'ok', disk1: 'ok', disk2: 'ok' };
    expect(await tick(queue, ['nfs1', 'nfs2', 'disk1', 'disk2'])).toEqual(expected);
    expect(await tick(queue, ['nfs1', 'nfs2', 'disk1', 'disk2'])).toEqual(expected);
    expect(kernel.asked.filter((path) => path === 'nfs1')).toHaveLength(1);
  });

  it('keeps local mounts readable however many remote ones hang', async () => {
    const kernel = new Kernel();
    kernel.hang('nfs1', 'nfs2', 'nfs3', 'nfs4');
    const queue = new StatfsQueue({ ask: kernel.ask, slots: 3 });
    const result = await tick(queue, ['nfs1', 'nfs2', 'nfs3', 'nfs4', 'disk1', 'disk2']);
    expect(result).toMatchObject({ disk1: 'ok', disk2: 'ok', nfs4: 'timeout' });
    expect(kernel.asked).not.toContain('nfs3');
  });

  it('asks again once the kernel has answered', async () => {
    const kernel = new Kernel();
    kernel.hang('nfs1');
    const queue = new StatfsQueue({ ask: kernel.ask, slots: 3 });
    expect(await tick(queue, ['nfs1'])).toEqual({ nfs1: 'timeout' });
    expect(queue.pending).toBe(1);
    kernel.release('nfs1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(queue.pending).toBe(0);
    expect(await tick(queue, ['nfs1'])).toEqual({ nfs1: 'ok' });
  });

  it('does not start a call that was given up while it waited', async () => {
    const kernel = new Kernel();
    kernel.hang('disk1', 'disk2', 'disk3');
    const queue = new StatfsQueue({ ask: kernel.ask, slots: 3 });
    const result = await tick(queue, ['disk1', 'disk2', 'disk3', 'disk4']);
    expect(result).toMatchObject({ disk4: 'timeout' });
    kernel.release('disk1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(kernel.asked).not.toContain('disk4');
  });

  it('passes the failure of the kernel on and frees its slot', async () => {
    const queue = new StatfsQueue({ ask: () => Promise.reject(new Error('io')), slots: 2 });
    for (let i = 0; i < 5; i++) {
      await expect(
        queue.usage({ path: Buffer.from('x'), isRemote: false }, new AbortController().signal),
      ).rejects.toThrow('io');
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
