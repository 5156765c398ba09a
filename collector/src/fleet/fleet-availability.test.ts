import { randomBytes } from 'node:crypto';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { describe, expect, it } from 'vitest';
import type { HostState } from '../api/types.ts';
import { openState } from '../state/state.ts';
import { FleetAvailability } from './fleet-availability.ts';
import { Hosts } from './hosts.ts';
import type { PresenceRecord } from './presence-history.ts';

const RANGE = { fromMs: 0, toMs: 1_000 };

/** A record with a state for each tenth of the range, by its first letter; the last one is what was proved later. */
function record(seen: string, corrected = seen): PresenceRecord {
  const STATES: Readonly<Record<string, HostState>> = { u: 'up', d: 'down', p: 'planned', x: 'unknown' };
  const entries = (text: string) =>
    text
      .split('')
      .map((letter, i) => ({ atMs: i * 100, state: STATES[letter] ?? 'unknown', reason: letter }));
  return { seen: entries(seen), corrected: entries(corrected) };
}

/** Hosts by name, each with what is on record of it. */
function setUp(records: Readonly<Record<string, PresenceRecord | Error>>) {
  const clock = new FakeClock();
  const hosts = new Hosts({ database: openState(':memory:'), clock, log: silentLogger });
  let looks = 0;
  const ids = Object.keys(records).map((hostName, i) => {
    const id = String(i).padStart(32, '0');
    hosts.admit(
      hosts.insert({
        id,
        publicKey: randomBytes(32),
        tokenId: 't',
        hostName,
        machineId: 'm',
        agentVersion: '1',
      }),
    );
    return id;
  });
  const fleet = new FleetAvailability({
    hosts,
    // Each look takes as long as a slice.
    clock: { monoMs: () => looks * 5 },
    history: (hostId) => {
      looks++;
      const found = records[hosts.get(hostId)?.name ?? ''];
      if (found instanceof Error) throw found;
      return found ?? record('');
    },
  });
  return { fleet, hosts, ids, looks: () => looks };
}

describe('the availability of all hosts', () => {
  it('has the worst first by what is known now, and last those of whom nothing is known', async () => {
    const { fleet } = setUp({
      good: record('uuuuuuuuuu'),
      cut: record('udddddddduu', 'uuuuuuuuuu'),
      bad: record('uuuuudduuu'),
      silent: record('xxxxxxxxxx'),
      wild: new AppError('LIMIT_EXCEEDED', 'came and went'),
      planned: record('upppppppp'),
    });
    const answer = await fleet.of(RANGE, 10);
    expect(answer.hosts.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'bad known',
      'cut known',
      'good known',
      'planned known',
      'silent known',
      'wild failed',
    ]);
    expect(answer.hosts[5]).toMatchObject({ error: { code: 'LIMIT_EXCEEDED', message: 'came and went' } });
    expect(answer.hosts[0]).toEqual({
      hostId: expect.any(String),
      name: 'bad',
      kind: 'known',
      seen: { upMs: 800, downMs: 200, plannedMs: 0, unknownMs: 0, availableRatio: 0.8 },
      corrected: { upMs: 800, downMs: 200, plannedMs: 0, unknownMs: 0, availableRatio: 0.8 },
    });
    expect(answer.total).toMatchObject({
      seen: { downMs: 1_000, plannedMs: 900, unknownMs: 1_000 },
      corrected: { upMs: 2_900, downMs: 200, availableRatio: 2_900 / 3_100 },
    });
  });

  it('says how many it leaves out, and counts them in the sum', async () => {
    const { fleet } = setUp({ a: record('uuuuuuuuuu'), b: record('uuuuudduuu'), c: record('uuuuuuuuuu') });
    const answer = await fleet.of(RANGE, 1);
    expect(answer.hosts.map(({ name }) => name)).toEqual(['b']);
    expect([answer.omittedHosts, answer.total.corrected.upMs]).toEqual([2, 2_800]);
  });

  it('lists the worst however many have no figures, and counts those that have none', async () => {
    const error = new AppError('LIMIT_EXCEEDED', 'came and went');
    const { fleet } = setUp({ a: error, b: error, c: error, d: record('udddd'), e: record('uuuuu') });
    const answer = await fleet.of(RANGE, 2);
    expect(answer.hosts.map(({ name }) => name)).toEqual(['d', 'e']);
    expect([answer.omittedHosts, answer.failedHosts]).toEqual([3, 3]);
  });

  it('leaves out hosts that are shut out or go while it works', async () => {
    const { fleet, hosts, ids } = setUp({ a: record('u'), b: record('u'), c: record('u') });
    const [, shutOut = '', deleted = ''] = ids;
    const asked = fleet.of(RANGE, 10);
    hosts.revoke(shutOut);
    hosts.delete(deleted);
    expect((await asked).hosts.map(({ name }) => name)).toEqual(['a']);
  });

  it('works once for whoever asks for the same span, and for a few spans at a time', async () => {
    const { fleet, looks } = setUp({ a: record('u'), b: record('u') });
    const asked = [1, 2, 3, 4, 4, 4].map((toMs) => fleet.of({ fromMs: 0, toMs }, 10));
    await expect(fleet.of({ fromMs: 0, toMs: 5 }, 10)).rejects.toMatchObject({ code: 'SLOW_DOWN' });
    await Promise.all(asked);
    expect(looks()).toBe(8);
    expect((await fleet.of({ fromMs: 0, toMs: 5 }, 10)).hosts).toHaveLength(2);
  });
});
