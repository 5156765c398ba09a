import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalSection, sectionHash, type InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Hosts } from './hosts.ts';
import { Inventory } from './inventory.ts';

function setUp() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const [first, second] = ['aa', 'bb'].map((digits) => {
    const id = digits.repeat(16);
    const draft = { publicKey: randomBytes(32), tokenId: 't', machineId: '', agentVersion: '1' };
    hosts.admit(hosts.insert({ id, hostName: digits, ...draft }));
    return id;
  });
  return {
    clock,
    database,
    hosts,
    inventory: new Inventory({ database, clock }),
    first: first ?? '',
    second: second ?? '',
  };
}

const section = (content: InventoryRecord) => canonicalSection({ name: 'os', content });
const raw = (text: string) => ({
  name: 'os',
  bytes: Buffer.from(text),
  hash: sectionHash(Buffer.from(text)),
});

describe('Inventory', () => {
  it('asks once for each content, whichever host has it', async () => {
    const { inventory, first, second } = setUp();
    const os = section({ name: 'Debian', kernel: '6.1' });
    const have = new Map([['os', os.hash]]);
    expect(inventory.missing(first, have)).toEqual(['os']);
    await inventory.store(first, os);
    expect(inventory.missing(first, have)).toEqual([]);
    expect(inventory.missing(second, have)).toEqual([]);
    expect(inventory.latest(second)).toEqual([
      {
        name: 'os',
        hash: os.hash,
        receivedMs: Date.UTC(2026, 0, 1),
        content: { name: 'Debian', kernel: '6.1' },
      },
    ]);
    expect(inventory.sectionNames(second)).toEqual(['os']);
  });

  it('keeps the history, a return to an older content included', async () => {
    const { inventory, first, clock } = setUp();
    const [old, changed] = [section({ v: 1 }), section({ v: 2 })];
    await inventory.store(first, old);
    await clock.advance(10);
    await inventory.store(first, changed);
    await clock.advance(10);
    expect(inventory.missing(first, new Map([['os', old.hash]]))).toEqual([]);
    expect(inventory.missing(first, new Map([['os', old.hash]]))).toEqual([]);
    const history = inventory.history(first, 'os');
    expect(history.map((version) => version.hash)).toEqual([old.hash, changed.hash, old.hash]);
    expect(inventory.history(first, 'cpu')).toEqual([]);
    expect(inventory.history(first)).toHaveLength(3);
    expect(inventory.latest(first)[0]?.content).toEqual({ v: 1 });
    expect(inventory.content(changed.hash)).toEqual({ v: 2 });
  });

  it.each([
    ['a wrong hash', { ...raw('{"a":1}'), hash: '0'.repeat(64) }, 'PROTOCOL_ERROR'],
    ['no JSON', raw('{"a":'), 'PROTOCOL_ERROR'],
    ['nothing', raw(''), 'PROTOCOL_ERROR'],
    ['a list', raw('[1]'), 'PROTOCOL_ERROR'],
    ['a forbidden key', raw('{"a":[{"__proto__":{"x":1}}]}'), 'PROTOCOL_ERROR'],
    ['deep nesting', raw(`{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`), 'LIMIT_EXCEEDED'],
    ['too many bytes', raw(`{"a":"${'x'.repeat(8 * 1024 * 1024)}"}`), 'LIMIT_EXCEEDED'],
  ])('refuses %s and stores nothing', async (_name, bad, code) => {
    const { inventory, first, database } = setUp();
    await expect(inventory.store(first, bad)).rejects.toMatchObject({ code });
    expect(inventory.latest(first)).toEqual([]);
    expect(database.connection.prepare('SELECT 1 FROM inventory_blobs').get()).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  it('shows no control characters', async () => {
    const { inventory, first } = setUp();
    await inventory.store(
      first,
      section({ 'na\u0007me': ['x\u001b[2Jy', 1, null, true, { z: '\u202eevil' }] }),
    );
    expect(inventory.latest(first)[0]?.content).toEqual({ name: ['x[2Jy', 1, null, true, { z: 'evil' }] });
  });

  it('keeps at most 200 versions of a section, and drops contents that nobody has', async () => {
    const { inventory, first, hosts, database } = setUp();
    for (let v = 0; v < 203; v++) await inventory.store(first, section({ v }));
    expect(inventory.history(first)).toHaveLength(200);
    expect(inventory.prune()).toBe(3);
    hosts.delete(first);
    expect(inventory.prune()).toBe(200);
    expect(database.connection.prepare('SELECT 1 FROM inventory_history').get()).toBeUndefined();
  });

  it('survives a host that is deleted while its section travels', async () => {
    const { inventory, first, hosts } = setUp();
    hosts.delete(first);
    await inventory.store(first, section({ v: 1 }));
    expect(inventory.latest(first)).toEqual([]);
  });
});
