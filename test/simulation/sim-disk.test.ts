import { describe, expect, it } from 'vitest';
import { diskContract } from '@rollcall/shared/testing/disk-contract.ts';
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { Machine, Process } from './machine.ts';
import { Random } from './random.ts';
import { SimDisk } from './sim-disk.ts';
import { Timeline } from './timeline.ts';

function start() {
  const timeline = new Timeline(new Random(1, 'order'));
  const disk = new SimDisk(timeline, new Random(1, 'disk'));
  const process = new Process(new Machine(timeline));
  return { timeline, disk, process, port: disk.portOf(process, () => process.end()) };
}

describe('the simulated disk', () => {
  diskContract(() => {
    const { timeline, port } = start();
    port.makeDir('/data');
    // Time must go on by itself for tests that know nothing of it.
    const timer = setInterval(() => void timeline.run(timeline.nowMs + 10), 1);
    return { disk: port, dir: '/data', [Symbol.dispose]: () => clearInterval(timer) };
  });
});

describe('the loss of power on the simulated disk', () => {
  const put = (port: Disk, path: string, text: string) => {
    const file = port.open(path, 'create');
    file.write(Buffer.from(text), 0);
    return file;
  };

  it('keeps what was synced and never invents anything', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const timeline = new Timeline(new Random(seed, 'order'));
      const disk = new SimDisk(timeline, new Random(seed, 'disk'));
      const port = disk.portOf(new Process(new Machine(timeline)), () => {});
      port.makeDir('/data');
      const file = put(port, '/data/a', 'safe');
      const synced = Promise.all([file.sync(), port.syncDir('/data'), port.syncDir('/')]);
      await timeline.run(1_000);
      await synced;
      file.write(Buffer.from('more'), 4);
      put(port, '/data/b', 'x');
      disk.cutPower();
      const text = port.readFile('/data/a', 100).toString();
      expect(text).toMatch(/^safe(?:more)?$/);
      outcomes.add(`${text} ${port.stat('/data/b') === undefined}`);
    }
    expect(outcomes.size).toBeGreaterThan(2);
  });

  it('loses what a failed sync was about, although the next one succeeds', async () => {
    const { timeline, disk, port } = start();
    port.makeDir('/data');
    const file = put(port, '/data/a', '');
    const ready = Promise.all([file.sync(), port.syncDir('/data'), port.syncDir('/')]);
    await timeline.run(10);
    await ready;
    file.write(Buffer.from('lost'), 0);
    disk.faults.failingSyncs = 1;
    const first = file.sync().catch((error: unknown) => String(error));
    await timeline.run(20);
    expect(await first).toMatch(/sync/);
    const second = file.sync();
    await timeline.run(30);
    await second;
    disk.cutPower();
    expect(port.readFile('/data/a', 100).toString()).toBe('');
  });

  it('gives a dead process no say', () => {
    const { disk, process, port } = start();
    port.makeDir('/data');
    disk.faults.deathIn = 1;
    expect(() => put(port, '/data/a', 'x')).toThrow(/EIO|anything/);
    expect(process.isAlive).toBe(false);
    expect(() => port.list('/')).toThrow(/anything/);
  });
});
