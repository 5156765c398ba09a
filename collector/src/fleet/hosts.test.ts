import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import type { Database } from '../state/database.ts';
import { openState } from '../state/state.ts';
import { Hosts, type HostChange } from './hosts.ts';

function setUp(database: Database = openState(':memory:')) {
  const clock = new FakeClock();
  const hosts = new Hosts({ database, clock, log: silentLogger });
  let number = 0;
  const add = (hostName: string, id = `${String(number++).padStart(6, '0')}${'f'.repeat(26)}`) => {
    const host = hosts.insert({
      id,
      publicKey: randomBytes(32),
      tokenId: 't',
      hostName,
      machineId: 'm',
      agentVersion: '1',
    });
    hosts.admit(host);
    return host;
  };
  return { clock, database, hosts, add };
}

const OS = { platform: 'linux', name: 'Debian', kernel: '6.1', arch: 'x64' };

describe('Hosts', () => {
  it('gives every host a name of its own', () => {
    const { add, hosts } = setUp();
    const names = [
      add('web', `abcdef${'0'.repeat(26)}`),
      add('web', `abcdef${'1'.repeat(26)}`),
      add('web', `abcdef${'2'.repeat(26)}`),
      add('  \u202e '),
    ].map((host) => host.name);
    expect(names).toEqual(['web', 'web-abcdef', `web-abcdef${'2'.repeat(26)}`, 'host']);
    expect(hosts.identityLabels(`abcdef${'1'.repeat(26)}`)).toEqual([
      ['instance', 'web-abcdef'],
      ['job', 'node'],
    ]);
  });

  it('knows the keys of an agent after a restart, and none that cannot be written', () => {
    const { add, hosts, database } = setUp();
    const [host, other] = [add('web'), add('db')];
    const next = randomBytes(32);
    hosts.setKeys(host.id, { publicKey: host.publicKey, nextPublicKey: next });
    expect(() => hosts.setKeys(other.id, { publicKey: other.publicKey, nextPublicKey: next })).toThrow(
      'UNIQUE',
    );
    expect(hosts.get(other.id)?.nextPublicKey).toBeNull();
    const again = setUp(database).hosts;
    expect(again.get(host.id)).toMatchObject({ publicKey: host.publicKey, nextPublicKey: next });
    again.setKeys(host.id, { publicKey: next, nextPublicKey: null });
    expect(again.findByKey(host.publicKey)).toBeUndefined();
    expect(again.findByKey(next)?.host.id).toBe(host.id);
  });

  it('lists in name order, page by page, and survives a page whose last host went', () => {
    const { add, hosts } = setUp();
    for (const name of ['c', 'a', 'e', 'b', 'd']) add(name);
    const first = hosts.list({ limit: 2 });
    expect([first.hosts.map((host) => host.name), first.next]).toEqual([['a', 'b'], 'b']);
    const [, b] = first.hosts;
    hosts.delete(b?.id ?? '');
    const second = hosts.list({ limit: 3, after: 'b' });
    expect([second.hosts.map((host) => host.name), second.next]).toEqual([['c', 'd', 'e'], null]);
    expect(hosts.list({ limit: 3, after: 'zzz' })).toEqual({ hosts: [], next: null });
  });

  it('cleans what a login tells and writes it behind', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'state.db');
    const { add, hosts, clock, database } = setUp(openState(path));
    hosts.start();
    const { id } = add('web');
    hosts.recordLogin(id, {
      bootId: 'b\n1',
      os: { ...OS, name: 'Evil\u001b]0;x\u0007OS' },
      agentVersion: '2',
    });
    hosts.setGeneration(id, 7);
    hosts.recordSeen(id, 123);
    await clock.advance(1_000);
    const again = setUp(database).hosts.get(id);
    expect(again).toEqual(hosts.get(id));
    expect(again).toMatchObject({
      bootId: 'b1',
      os: { ...OS, name: 'Evil]0;xOS' },
      agentVersion: '2',
      generation: 7,
      lastSeenMs: 123,
    });
    hosts.close();
    expect(clock.timerCount).toBe(0);
    database.close();
  });

  it('keeps the mark of a key on two machines until an administrator accepts the restored one', () => {
    const { add, hosts, clock, database } = setUp();
    const { id } = add('web');
    hosts.flagConflict(id);
    hosts.setGeneration(id, 9);
    clock.stepWall(60_000);
    hosts.flagConflict(id);
    expect(hosts.get(id)).toMatchObject({ conflictMs: Date.UTC(2026, 0, 1), mustRotateEpoch: false });
    expect([hosts.acceptRestored(id), hosts.acceptRestored('nobody')]).toEqual([true, false]);
    expect(hosts.get(id)).toMatchObject({ conflictMs: null, mustRotateEpoch: true });
    const written = 'SELECT must_rotate_epoch AS must, conflict_ms AS conflict FROM hosts';
    expect(database.connection.prepare(written).get()).toEqual({ must: 1, conflict: null });
    hosts.finishRestore(id);
    expect(hosts.get(id)?.mustRotateEpoch).toBe(false);
    hosts.revoke(id);
    expect(() => hosts.acceptRestored(id)).toThrow(expect.objectContaining({ code: 'REVOKED' }));
  });

  it('keeps what could not be written for the next time', () => {
    const { add, hosts, database } = setUp();
    const { id } = add('web');
    hosts.setGeneration(id, 3);
    database.connection.exec('PRAGMA query_only = ON');
    hosts.flush();
    database.connection.exec('PRAGMA query_only = OFF');
    hosts.flush();
    expect(setUp(database).hosts.get(id)?.generation).toBe(3);
  });

  it('writes a fleet that came back in portions, and all that is left when it stops', async () => {
    const { add, hosts, database, clock } = setUp();
    const ids = Array.from({ length: 600 }, (_, index) => add(`web-${index}`).id);
    for (const id of ids) hosts.setGeneration(id, 2);
    const written = (): number =>
      Number(
        database.connection.prepare('SELECT count(*) AS n FROM hosts WHERE generation = 2').get()?.['n'],
      );
    hosts.start();
    await clock.advance(1_000);
    expect(written()).toBe(500);
    hosts.close();
    expect(written()).toBe(600);
  });

  it('tells who came and went', () => {
    const { add, hosts } = setUp();
    const changes: HostChange[] = [];
    const stop = hosts.onChange((change) => changes.push(change));
    const { id } = add('web');
    expect([hosts.revoke(id), hosts.revoke(id), hosts.isRevoked(id)]).toEqual([true, true, true]);
    expect([hosts.delete(id), hosts.delete(id), hosts.revoke(id)]).toEqual([true, false, false]);
    stop();
    add('other');
    expect(changes.map((change) => change.kind)).toEqual(['added', 'revoked', 'deleted']);
    expect(hosts.get(id)).toBeUndefined();
    expect(hosts.identityLabels(id)[0]).toEqual(['instance', id]);
  });

  it('sees a revocation by another process', () => {
    const { add, hosts, database } = setUp();
    const { id } = add('web');
    database.connection.prepare('UPDATE hosts SET revoked_ms = 1 WHERE id = ?').run(id);
    expect(hosts.isRevoked(id)).toBe(true);
  });
});
