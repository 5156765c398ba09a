import { describe, expect, it } from 'vitest';
import { FakeHost } from '../../host/testing.ts';
import { fixtures, linesOf, readLines } from '../testing.ts';
import { networkSampler } from './network.linux.ts';
import { NETWORK_COUNTERS } from './network.ts';

describe('network sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(networkSampler, host)).toEqual(linesOf(networkSampler, expected));
  });
});

it('tells the later ones of very many devices in brief, and counts what it leaves out', async () => {
  const counters = Array.from(NETWORK_COUNTERS, (_, i) => i).join(' ');
  const devices = Array.from({ length: 202 }, (_, i) => `veth${i}: ${counters}\n`);
  const host = new FakeHost();
  host.files.set('/proc/net/dev', `x\n|bytes\n${devices.join('')}`);
  const lines = await readLines(networkSampler, host);
  const of = (device: string) => lines.filter((line) => line.includes(`device="${device}"`)).length;
  expect([of('veth47'), of('veth48'), of('veth199'), of('veth200')]).toEqual([16, 8, 8, 0]);
  expect(lines).toContain('dropped: 16 limit');
});
