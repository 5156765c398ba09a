import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fixtures, readLines } from '../testing.ts';
import { networkSampler } from './network.linux.ts';

describe('network sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(networkSampler(new FakeClock()), host)).toEqual(expected);
  });
});

it('leaves out an attribute that has no value, and fails one that is denied', async () => {
  const host = new FakeHost();
  host.files.set('/proc/net/dev', 'x\n|bytes\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n');
  host.files.set('/sys/class/net/eth0/speed', '-1\n');
  host.files.set('/sys/class/net/eth0/carrier', { fails: 'unsupported' });
  host.files.set('/sys/class/net/eth0/mtu', { fails: 'denied' });
  const lines = await readLines(networkSampler(new FakeClock()), host);
  expect(lines.filter((line) => /speed|carrier\{|mtu|_up/.test(line))).toEqual([
    'node_network_mtu_bytes{device="eth0"}: NOT_PERMITTED',
  ]);
  host.files.set('/sys/class/net/eth0/speed', '10000\n');
  expect(await readLines(networkSampler(new FakeClock()), host)).toContain(
    'node_network_speed_bytes{device="eth0"} 1250000000',
  );
});
