import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { FakeHost } from '../host/testing.ts';
import { CHECKOUT_CHILD, collectInventory } from './collect.ts';
import { Inventory } from './inventory.ts';
import type { ChildCommand } from './run-child.ts';

const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;

function printing(text: string): ChildCommand {
  return { program: '/bin/sh', args: ['-c', `printf '%s' "$1"`, 'sh', text] };
}

async function collect(command: ChildCommand) {
  return collectInventory({ host: new FakeHost(), clock: systemClock, command }, NEVER);
}

describe('collectInventory', () => {
  it('hashes equal twice on this machine', async () => {
    using host = new LocalHost(MACHINE_ROOTS);
    const options = { host, clock: systemClock, command: CHECKOUT_CHILD };
    const first = await collectInventory(options, NEVER);
    const second = await collectInventory(options, NEVER);
    expect(first.missing).toEqual([]);
    expect(first.sections.map(({ name }) => name)).toEqual([
      'system',
      'bios',
      'board',
      'chassis',
      'cpu',
      'memory',
      'disks',
      'nics',
      'os',
    ]);
    expect(second.sections.map(({ hash }) => hash)).toEqual(first.sections.map(({ hash }) => hash));
  }, 60_000);

  it.each(['', 'null', '[]', '{', '"x"', '{"a":1}x'])('refuses %j or finds nothing in it', async (output) => {
    await expect(collect(printing(output))).rejects.toMatchObject({ code: 'READ_FAILED', kind: 'io' });
  });

  it('takes an empty answer for missing sections', async () => {
    const { sections, missing } = await collect(printing('{}'));
    expect(sections).toEqual([]);
    expect(missing).toHaveLength(9);
  });
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
    const command = { program: '/bin/cat', args: [this.#file] };
    this.inventory = new Inventory({ clock: this.clock, log, host: new FakeHost(), command });
    this.inventory.onChange(() => {
      this.changes += 1;
    });
  }

  get #file(): string {
    return join(this.#folder.path, 'answers.json');
  }

  answer(answers: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.#file, JSON.stringify(answers));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const COMPLETE = {
  system: { model: 'X' },
  bios: {},
  baseboard: {},
  chassis: {},
  cpu: {},
  mem: {},
  memLayout: [],
  blockDevices: [],
  diskLayout: [],
  networkInterfaces: [],
  osInfo: {},
};

describe('Inventory', () => {
  it('reads at start and a day later, and tells what changed', async () => {
    using bench = new Bench();
    const { clock, inventory } = bench;
    bench.answer(COMPLETE);
    expect(inventory.sections()).toEqual([]);
    inventory.start();
    inventory.start();
    await vi.waitFor(() => expect(bench.changes).toBe(1));
    expect(inventory.sections()).toHaveLength(9);
    const before = inventory.sections().map(({ hash }) => hash);
    bench.answer({ ...COMPLETE, system: { model: 'Y' } });
    await clock.advance(24 * HOUR_MS - 1);
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
    bench.answer({ system: { model: 'X' } });
    inventory.start();
    // Each incomplete reading warns twice: what is missing, and when it tries again.
    await vi.waitFor(() => expect(bench.warnings).toBe(2));
    bench.answer({});
    await clock.advance(HOUR_MS);
    await vi.waitFor(() => expect(bench.warnings).toBe(4));
    expect(inventory.sections().map(({ name }) => name)).toEqual(['system']);
    expect(bench.changes).toBe(1);
    await inventory.stop();
  });

  it('kills the reading under way when it is stopped', async () => {
    const clock = new FakeClock();
    const command = { program: '/bin/sleep', args: ['600'] };
    const inventory = new Inventory({ clock, log: silentLogger, host: new FakeHost(), command });
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
