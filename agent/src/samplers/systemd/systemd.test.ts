import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { HostError } from '../../host/host.ts';
import type { SystemUnit } from '../../host/system-bus.ts';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { readLines } from '../testing.ts';
import { systemdSampler } from './systemd.linux.ts';

function unit(name: string, activeState: string, loadState = 'loaded'): SystemUnit {
  return { name, activeState, loadState };
}

function booted(): FakeHost {
  const host = new FakeHost();
  host.files.set('/run/systemd/system/.keep', '');
  return host;
}

describe('systemd sampler', () => {
  it('tells the states of units, and how many there are', async () => {
    const units = [
      unit('ssh.service', 'active'),
      unit('broken.service', 'failed'),
      unit('missing.service', 'inactive', 'not-found'),
      unit('dev-sda.device', 'active'),
      unit('odd.timer', 'reloading'),
    ];
    const lines = await readLines(
      systemdSampler(new FakeClock(), () => Promise.resolve(units)),
      booted(),
    );
    expect(lines.filter((line) => / [1-9]$/.test(line))).toEqual([
      'node_systemd_unit_state{name="broken.service",state="failed"} 1',
      'node_systemd_unit_state{name="ssh.service",state="active"} 1',
      'node_systemd_units{state="active"} 2',
      'node_systemd_units{state="failed"} 1',
      'node_systemd_units{state="inactive"} 1',
    ]);
    expect(lines.filter((line) => line.startsWith('node_systemd_unit_state{'))).toHaveLength(3 * 5);
  });

  it('asks once a minute, whatever the answer was', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const sampler = systemdSampler(clock, () => {
      asked += 1;
      if (asked === 2) return Promise.reject(new HostError('timeout', 'ask systemd'));
      return Promise.resolve([unit('a.service', 'active')]);
    });
    const readings = new Readings({ sampler: 'systemd', intervalMs: 10_000 });
    const first = await readLines(sampler, booted(), readings);
    await clock.advance(59_999);
    expect(await readLines(sampler, booted(), readings)).toEqual(first);
    expect(asked).toBe(1);
    await clock.advance(1);
    expect(await readLines(sampler, booted(), readings)).toEqual(['failed: ask systemd']);
    expect(await readLines(sampler, booted(), readings)).toEqual(['failed: ask systemd']);
    await clock.advance(60_000);
    expect(await readLines(sampler, booted(), readings)).toEqual(first);
    expect(asked).toBe(3);
  });

  it('does not ask where systemd does not run', async () => {
    const sampler = systemdSampler(new FakeClock(), () => Promise.reject(new Error('asked')));
    expect(await readLines(sampler, new FakeHost())).toEqual([]);
  });
});
