import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { CHECKOUT_CHILD, collectInventory } from './collect.ts';
import { Inventory } from './inventory.ts';
import { manifestLine, missingLine, sectionLine } from './report.ts';
import type { ChildCommand } from '../host/run-child.ts';

const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;

/** Prints the file, whatever sections are excluded. */
function printing(file: string): ChildCommand {
  return { program: '/bin/sh', args: ['-c', 'cat "$0"', file] };
}

describe('collectInventory', () => {
  it('hashes equal twice on this machine, and does not read what is excluded', async () => {
    const options = {
      clock: systemClock,
      command: CHECKOUT_CHILD,
      excludedSections: ['updates', 'ports'],
      isBackground: false,
    };
    const [first, second] = await Promise.all([
      collectInventory(options, NEVER),
      collectInventory({ ...options, excludedSections: [...options.excludedSections, 'users'] }, NEVER),
    ]);
    expect(first.missing).toEqual([]);
    const names = first.sections.map(({ name }) => name);
    for (const name of ['system', 'cpu', 'disks', 'os', 'platform', 'gpus', 'users', 'encryption']) {
      expect(names).toContain(name);
    }
    expect(second.sections.map(({ name }) => name)).toEqual(names.filter((name) => name !== 'users'));
    const hashes = new Map(first.sections.map(({ name, hash }) => [name, hash]));
    for (const { name, hash } of second.sections) expect([name, hash]).toEqual([name, hashes.get(name)]);
    const read = (lists: typeof first.manifest): string[] => lists.files.map(({ what }) => what);
    expect(read(first.manifest)).toContain('/etc/group');
    expect(read(second.manifest)).not.toContain('/etc/group');
    // The list of ports would have looked at every process.
    expect(read(first.manifest)).not.toContain('/proc/<pid>/fd');
  }, 60_000);
});

/** An inventory whose program prints a file, and the readings that have ended. */
class Bench implements Disposable {
  readonly #folder = tempDir();
  readonly clock = new FakeClock();
  readonly inventory: Inventory;
  changes = 0;
  warnings = 0;

  constructor() {
    const log = { ...silentLogger, warn: (): void => void (this.warnings += 1) };
    const command = printing(this.#file);
    this.inventory = new Inventory({ clock: this.clock, log, command, excludedSections: [] });
    this.inventory.onChange(() => {
      this.changes += 1;
    });
  }

  get #file(): string {
    return join(this.#folder.path, 'report');
  }

  /** @param models content of each section; undefined for one that cannot be read */
  answer(models: Readonly<Record<string, string | undefined>>): void {
    const lines = Object.entries(models).map(([name, model]) =>
      model === undefined
        ? missingLine({ name, reason: 'no rights' })
        : sectionLine(canonicalSection({ name, content: { model } })),
    );
    writeFileSync(this.#file, lines.join('') + manifestLine({ files: [], programs: [] }));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

describe('Inventory', () => {
  it('reads at start and six hours later, and tells what changed', async () => {
    using bench = new Bench();
    const { clock, inventory } = bench;
    bench.answer({ system: 'X', cpu: 'C' });
    expect(inventory.sections()).toEqual([]);
    inventory.start();
    inventory.start();
    await vi.waitFor(() => expect(bench.changes).toBe(1));
    expect(inventory.sections()).toHaveLength(2);
    const before = inventory.sections().map(({ hash }) => hash);
    bench.answer({ system: 'Y', cpu: 'C' });
    await clock.advance(6 * HOUR_MS - 1);
    expect(bench.changes).toBe(1);
    await clock.advance(1);
    await vi.waitFor(() => expect(bench.changes).toBe(2));
    const after = inventory.sections().map(({ hash }) => hash);
    expect(after.filter((hash, i) => hash !== before[i])).toHaveLength(1);
    await inventory.stop();
    await inventory.stop();
    expect(clock.timerCount).toBe(0);
  });

  it('keeps a section that cannot be read, and tries again within the hour', async () => {
    using bench = new Bench();
    const { clock, inventory } = bench;
    bench.answer({ system: 'X', cpu: undefined });
    inventory.start();
    // Each incomplete reading warns twice: what is missing, and when it tries again.
    await vi.waitFor(() => expect(bench.warnings).toBe(2));
    bench.answer({ system: undefined, cpu: undefined });
    await clock.advance(HOUR_MS);
    await vi.waitFor(() => expect(bench.warnings).toBe(4));
    expect(inventory.sections().map(({ name }) => name)).toEqual(['system']);
    expect(bench.changes).toBe(1);
    await inventory.stop();
  });

  it('kills the reading under way when it is stopped', async () => {
    const clock = new FakeClock();
    const command = { program: '/bin/sleep', args: ['600'] };
    const inventory = new Inventory({ clock, log: silentLogger, command, excludedSections: [] });
    inventory.start();
    await inventory.stop();
    expect(clock.timerCount).toBe(0);
    expect(inventory.sections()).toEqual([]);
  });
});

it('keeps systeminformation out of the resident process', async () => {
  const source = join(import.meta.dirname, '..');
  const modules = [
    'inventory/inventory.ts',
    'scheduler/scheduler.ts',
    'samplers/list.ts',
    'host/local-host.ts',
  ];
  const script = (imports: readonly string[]): string => `
    import { createRequire } from 'node:module';
    ${imports.map((each) => `await import(${JSON.stringify(each)});`).join('\n')}
    const loaded = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache);
    console.log(JSON.stringify(loaded.filter((file) => file.includes('node_modules'))));`;
  const run = async (imports: readonly string[]): Promise<string> => {
    const args = ['--input-type=module', '--eval', script(imports)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: source });
    return stdout.trim();
  };
  expect(await run(modules.map((each) => pathToFileURL(join(source, each)).href))).toBe('[]');
  // The check itself can see it.
  expect(await run(['systeminformation'])).toContain('systeminformation');
}, 60_000);
