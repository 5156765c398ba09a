import { join } from 'node:path';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { REMEMBER_DEAR_MS } from '../remembered.ts';
import { fixtures, linesOf, readLines } from '../testing.ts';
import { linkSampler } from './link.linux.ts';

const DEVICES = 'x\n|bytes\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n';

describe('link sampler', () => {
  // The devices are those of the network sampler, and so are their folders.
  it.each(fixtures(join(import.meta.dirname, '../network')))('reads $name', async ({ host, expected }) => {
    const sampler = linkSampler(new FakeClock());
    expect(await readLines(sampler, host)).toEqual(linesOf(sampler, expected));
  });
});

it('leaves out an attribute that has no value, and fails one that is denied', async () => {
  const host = new FakeHost();
  host.files.set('/proc/net/dev', DEVICES);
  host.files.set('/sys/class/net/eth0/speed', '-1\n');
  host.files.set('/sys/class/net/eth0/carrier', { fails: 'unsupported' });
  host.files.set('/sys/class/net/eth0/mtu', { fails: 'denied' });
  const lines = await readLines(linkSampler(new FakeClock()), host);
  expect(lines.filter((line) => /speed|carrier\{|mtu|_up/.test(line))).toEqual([
    'node_network_mtu_bytes{device="eth0"}: NOT_PERMITTED',
  ]);
  host.files.set('/sys/class/net/eth0/speed', '10000\n');
  expect(await readLines(linkSampler(new FakeClock()), host)).toContain(
    'node_network_speed_bytes{device="eth0"} 1250000000',
  );
});

it('reads settings again after five minutes', async () => {
  const [clock, host] = [new FakeClock(), new FakeHost()];
  const sampler = linkSampler(clock);
  host.files.set('/proc/net/dev', DEVICES);
  const read = async (mtu: number): Promise<string | undefined> => {
    host.files.set('/sys/class/net/eth0/mtu', `${mtu}\n`);
    const line = (await readLines(sampler, host)).find((each) => each.includes('_mtu_'));
    return line?.split(' ').at(-1);
  };
  expect(await read(1_500)).toBe('1500');
  await clock.advance(REMEMBER_DEAR_MS - 1);
  expect(await read(9_000)).toBe('1500');
  await clock.advance(1);
  expect(await read(9_000)).toBe('9000');
});

it('takes a device that was gone for another one', async () => {
  const host = new FakeHost();
  const sampler = linkSampler(new FakeClock());
  const read = async (devices: string, index: number): Promise<string | undefined> => {
    host.files.set('/proc/net/dev', devices);
    host.files.set('/sys/class/net/eth0/ifindex', `${index}\n`);
    const line = (await readLines(sampler, host)).find((each) => each.includes('_iface_id'));
    return line?.split(' ').at(-1);
  };
  expect(await read(DEVICES, 3)).toBe('3');
  expect(await read(DEVICES, 9)).toBe('3');
  expect(await read('x\n|bytes\n', 9)).toBeUndefined();
  expect(await read(DEVICES, 9)).toBe('9');
});
