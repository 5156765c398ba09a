import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { canonicalSection, type CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import type { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Hosts } from './hosts.ts';
import { InventoryIntake, type InventoryPeer } from './inventory-intake.ts';
import { Inventory } from './inventory.ts';

function setUp() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const inventory = new Inventory({ database, clock });
  const intake = new InventoryIntake({ inventory, log: silentLogger });
  const addPeer = () => {
    const agentId = randomBytes(16).toString('hex');
    const draft = {
      publicKey: randomBytes(32),
      tokenId: 't',
      machineId: '',
      agentVersion: '1',
      hostName: 'h',
    };
    hosts.admit(hosts.insert({ id: agentId, ...draft }));
    const asked: string[] = [];
    const refusals: AppError[] = [];
    const peer: InventoryPeer = {
      agentId,
      need: (names) => asked.push(...names),
      refused: (error) => refusals.push(error),
    };
    return { peer, asked, refusals };
  };
  return { intake, inventory, addPeer };
}

const sectionOf = (name: string, text: string) => canonicalSection({ name, content: { text } });
const hashesOf = (...sections: readonly CanonicalSection[]) =>
  new Map(sections.map(({ name, hash }) => [name, hash]));
const chunkOf = (section: CanonicalSection, offset: number, end: number) => ({
  name: section.name,
  hash: section.hash,
  totalBytes: section.bytes.length,
  offset,
  bytes: section.bytes.subarray(offset, end),
});

describe('InventoryIntake', () => {
  it('asks for one section after the other and stores each when it is whole', async () => {
    const { intake, inventory, addPeer } = setUp();
    const { peer, asked } = addPeer();
    const [cpu, os] = [sectionOf('cpu', 'x'.repeat(100)), sectionOf('os', 'y')];
    intake.have(peer, hashesOf(cpu, os), 0);
    expect(asked).toEqual(['cpu']);
    intake.chunk(peer, chunkOf(cpu, 0, 50), 0);
    intake.chunk(peer, chunkOf(cpu, 50, 1_000), 0);
    await vi.waitFor(() => expect(asked).toEqual(['cpu', 'os']));
    intake.chunk(peer, chunkOf(os, 0, 1_000), 0);
    await vi.waitFor(() => expect(inventory.sectionNames(peer.agentId)).toEqual(['cpu', 'os']));
  });

  it('refuses chunks with a hole or twice', () => {
    const { intake, addPeer } = setUp();
    const { peer } = addPeer();
    const os = sectionOf('os', 'x'.repeat(100));
    intake.have(peer, hashesOf(os), 0);
    expect(() => intake.chunk(peer, chunkOf(os, 10, 20), 0)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
    );
    intake.chunk(peer, chunkOf(os, 0, 20), 0);
    expect(() => intake.chunk(peer, chunkOf(os, 0, 20), 0)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
    );
  });

  it('ignores chunks that nobody asked for', () => {
    const { intake, inventory, addPeer } = setUp();
    const { peer } = addPeer();
    const [os, other] = [sectionOf('os', 'a'), sectionOf('os', 'b')];
    intake.chunk(peer, chunkOf(os, 0, 1_000), 0);
    intake.have(peer, hashesOf(os), 0);
    intake.chunk(peer, chunkOf(other, 0, 1_000), 0);
    expect(inventory.sectionNames(peer.agentId)).toEqual([]);
  });

  it('ends a session whose content is not what it announced', async () => {
    const { intake, addPeer } = setUp();
    const { peer, refusals } = addPeer();
    const os = sectionOf('os', 'x');
    intake.have(peer, hashesOf(os), 0);
    intake.chunk(peer, { ...chunkOf(os, 0, 1_000), bytes: Buffer.alloc(os.bytes.length, 0x20) }, 0);
    await vi.waitFor(() => expect(refusals.map((error) => error.code)).toEqual(['PROTOCOL_ERROR']));
  });

  it('lets eight sessions send at a time; who leaves or idles gives the turn away', async () => {
    const { intake, addPeer } = setUp();
    const peers = Array.from({ length: 11 }, addPeer);
    peers.forEach(({ peer }, index) => intake.have(peer, hashesOf(sectionOf('os', String(index))), 0));
    const askedCount = () => peers.filter(({ asked }) => asked.length > 0).length;
    expect(askedCount()).toBe(8);
    const [first, second] = peers;
    if (first === undefined || second === undefined) throw new Error('no peers');
    intake.left(first.peer, 10);
    expect(askedCount()).toBe(9);
    intake.chunk(second.peer, chunkOf(sectionOf('os', '1'), 0, 1_000), 10);
    await vi.waitFor(() => expect(askedCount()).toBe(10));
    intake.tick(60_005);
    expect(askedCount()).toBe(11);
    expect(peers.every(({ asked }) => asked.length === 1)).toBe(true);
  });

  it('forgets what was on its way when the agent announces something newer', async () => {
    const { intake, inventory, addPeer } = setUp();
    const { peer, asked } = addPeer();
    const [old, newer] = [sectionOf('os', 'x'.repeat(100)), sectionOf('os', 'newer')];
    intake.have(peer, hashesOf(old), 0);
    intake.chunk(peer, chunkOf(old, 0, 10), 0);
    intake.have(peer, hashesOf(newer), 0);
    intake.chunk(peer, chunkOf(old, 10, 1_000), 0);
    intake.chunk(peer, chunkOf(newer, 0, 1_000), 0);
    await vi.waitFor(() => expect(inventory.latest(peer.agentId)[0]?.hash).toBe(newer.hash));
    await setImmediate();
    expect(asked).toEqual(['os', 'os']);
  });
});
