/** What every sampler owes: files that are missing, denied or garbage hurt nothing else, and no value is made up. */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeHost } from '../host/testing.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createSamplers } from './list.ts';
import { Readings } from './readings.ts';
import type { Sampler } from './sampler.ts';
import { readLines } from './testing.ts';

/** Samplers with fixtures whose files all lie in /proc or /sys. */
const NAMES = createAll()
  .map(({ name }) => name)
  .filter((name) => existsSync(join(import.meta.dirname, name, 'testdata')));
/** Of a sampler with many similar files some are tried. */
const FILES_MAX = 4;
/** Metrics that count files and lines, where one less is another number, and right; and one that comes from no file. */
const COUNTED = [
  'node_arp_entries',
  'node_bonding_',
  'node_btrfs_',
  'node_processes_',
  'node_selinux_enabled',
  'node_tcp_',
  'process_cpu_seconds_total',
  'process_open_fds',
  'rollcall_agent_containers',
] as const;

function createAll(): readonly Sampler[] {
  return createSamplers('linux', {
    clock: new FakeClock(),
    agent: { version: '0', arch: 'x64', os: 'linux' },
    mountTimeoutMs: 0,
  });
}

/** A fresh one: some remember what they read. */
function sampler(name: string): Sampler {
  const found = createAll().find((each) => each.name === name);
  if (found === undefined) throw new Error(`no sampler ${name}`);
  return found;
}

/** The first fixture of a sampler and the kernel files in it. */
function machine(name: string): { readonly root: string; readonly files: readonly string[] } {
  const folder = join(import.meta.dirname, name, 'testdata');
  const root = join(folder, readdirSync(folder).sort()[0] ?? '');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !['expected.txt', 'statfs.json'].includes(entry.name))
    .map((entry) => `/${relative(root, join(entry.parentPath, entry.name))}`);
  const step = Math.ceil(files.length / FILES_MAX);
  return { root, files: files.filter((_, i) => i % step === 0) };
}

function isFailure(line: string): boolean {
  return line.startsWith('failed: ') || line.startsWith('dropped: ') || /: [A-Z_]+$/.test(line);
}

const GARBAGE: readonly (readonly [what: string, content: string | Buffer])[] = [
  ['binary', Buffer.from([0, 255, 254, 10, 13, 0, 200])],
  ['one very long line', 'x'.repeat(100_000)],
  ['very many lines', 'a b c d\n'.repeat(5_000)],
  ['a number too large', `${'9'.repeat(400)}\n`],
  ['nothing', ''],
];

describe.each(NAMES)('%s', (name) => {
  const { root, files } = machine(name);

  async function read(change: (host: FakeHost) => void): Promise<string[]> {
    const host = new FakeHost(root);
    change(host);
    return readLines(sampler(name), host);
  }

  it.each(GARBAGE)('makes up no value when a file holds %s', async (_what, content) => {
    const whole = numbers(await read(() => undefined));
    for (const file of files) {
      const changed = numbers(await read((host) => host.files.set(file, content)));
      const madeUp = [...changed].filter((line) => !whole.has(line));
      expect({ file, madeUp }).toEqual({ file, madeUp: [] });
    }
  });

  it.each(['denied', 'io', 'absent'] as const)('lives with a file that is %s', async (fails) => {
    const whole = numbers(await read(() => undefined));
    for (const file of files) {
      const changed = numbers(await read((host) => host.files.set(file, { fails })));
      const madeUp = [...changed].filter((line) => !whole.has(line));
      expect({ file, madeUp }).toEqual({ file, madeUp: [] });
    }
  });

  // oxlint-disable-next-line expect-expect -- the property is that nothing unexpected is thrown
  it('throws nothing but what is expected for bytes changed, lost, doubled or moved', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(),
        fc.nat(),
        fc.uint8Array({ maxLength: 40 }),
        async (a, b, which, noise) => {
          const file = files[which % Math.max(1, files.length)];
          if (file === undefined) return;
          const content = new FakeHost(root).read(file);
          const [from, to] = [a % (content.length + 1), b % (content.length + 1)];
          const host = new FakeHost(root);
          host.files.set(file, Buffer.concat([content.subarray(0, from), noise, content.subarray(to)]));
          const readings = new Readings({ sampler: name, intervalMs: 10_000 });
          readings.begin();
          try {
            await sampler(name).sample(host, readings, AbortSignal.abort());
          } catch (error) {
            if (!(error instanceof AppError)) throw error;
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  /** Names and numbers without the labels: other words in a file are other labels, which is right. */
  function numbers(lines: readonly string[]): ReadonlySet<string> {
    const isCounted = (line: string): boolean => COUNTED.some((metric) => line.startsWith(metric));
    const values = lines.filter((line) => !isFailure(line) && !isCounted(line));
    return new Set(values.map((line) => line.replace(/\{.*\}/s, '')));
  }
});
