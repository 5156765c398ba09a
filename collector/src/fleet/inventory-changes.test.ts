import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  canonicalSection,
  NOT_READABLE,
  type InventoryRecord,
} from '@rollcall/shared/inventory/canonical.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Hosts } from './hosts.ts';
import { Inventory } from './inventory.ts';
import { inventoryChanges } from './inventory-changes.ts';

const HOST = 'aa'.repeat(16);

function setUp() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const draft = { publicKey: randomBytes(32), tokenId: 't', machineId: '', agentVersion: '1' };
  hosts.admit(hosts.insert({ id: HOST, hostName: 'aa', ...draft }));
  const inventory = new Inventory({ database, clock });
  const report = async (name: string, content: InventoryRecord): Promise<number> => {
    await clock.advance(3_600_000);
    await inventory.store(HOST, canonicalSection({ name, content }));
    return clock.wallMs();
  };
  return { inventory, report };
}

function packages(...versions: readonly string[]): InventoryRecord {
  return { packages: versions.map((each, i) => ({ name: `p${i}`, version: each })) };
}

it('tells what changed, newest first, and nothing of first versions', async () => {
  const { inventory, report } = setUp();
  const firstMs = await report('packages', packages('1'));
  await report('os', { release: '12' });
  const secondMs = await report('packages', packages('1', '5'));
  const thirdMs = await report('packages', packages('2', '5'));
  expect(inventoryChanges(inventory, HOST, 10)).toEqual([
    {
      section: 'packages',
      atMs: thirdMs,
      previousMs: secondMs,
      changes: [{ kind: 'changed', path: ['packages', 'p0', 'version'], before: '1', after: '2' }],
      omitted: 0,
    },
    {
      section: 'packages',
      atMs: secondMs,
      previousMs: firstMs,
      changes: [
        { kind: 'added', path: ['packages', 'p1'], before: null, after: { name: 'p1', version: '5' } },
      ],
      omitted: 0,
    },
  ]);
  expect(inventoryChanges(inventory, HOST, 1)).toHaveLength(1);
  expect(inventoryChanges(inventory, 'bb'.repeat(16), 10)).toEqual([]);
});

it('keeps the answer small when everything changed', async () => {
  const { inventory, report } = setUp();
  const many = (version: string): string[] => Array.from({ length: 3_000 }, () => version);
  await report('packages', packages(...many('1')));
  await report('packages', packages(...many('2')));
  await report('packages', { packages: NOT_READABLE });
  const [unreadable, upgraded] = inventoryChanges(inventory, HOST, 10);
  expect(upgraded?.changes).toHaveLength(200);
  expect(upgraded?.omitted).toBe(2_800);
  expect(unreadable?.changes).toEqual([
    {
      kind: 'changed',
      path: ['packages'],
      before: expect.stringMatching(/^\d+ characters$/),
      after: NOT_READABLE,
    },
  ]);
});
