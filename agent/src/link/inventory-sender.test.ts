import { expect, it } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { decodeFrame } from '@rollcall/shared/protocol/frame.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeInventoryChunk } from '@rollcall/shared/protocol/messages.ts';
import { InventorySender } from './inventory-sender.ts';
import type { Socket } from './socket.ts';

it('sends the packages of a real host in pieces that the wire takes, as fast as the socket does', () => {
  const packages = Array.from({ length: 3_000 }, (_, i) => ({
    name: `library-with-a-name-${i}`,
    version: `1:${i}.2.13.dfsg-1+deb12u1`,
    arch: 'amd64',
    manager: 'dpkg',
  }));
  const section = canonicalSection({ name: 'packages', content: { count: packages.length, packages } });
  const frames: Buffer[] = [];
  let bufferedBytes = 0;
  const socket: Socket = {
    get bufferedBytes() {
      return bufferedBytes;
    },
    send: (bytes) => {
      frames.push(Buffer.from(bytes));
      bufferedBytes += bytes.length;
    },
    ping: () => {},
    channelBinding: () => undefined,
    close: () => {},
    terminate: () => {},
  };
  const sender = new InventorySender(socket);
  sender.send([section]);
  expect(frames.length).toBeLessThan(section.bytes.length / LIMITS.inventoryChunkBytes + 20);
  for (let round = 0; round < 100 && bufferedBytes > 0; round++) {
    bufferedBytes = 0;
    sender.sendMore();
  }
  let received = 0;
  const parts = frames.map((frame) => {
    const { name, hash, totalBytes, offset, bytes } = decodeInventoryChunk(decodeFrame(frame).body);
    expect({ name, hash, totalBytes, offset }).toEqual({
      name: 'packages',
      hash: section.hash,
      totalBytes: section.bytes.length,
      offset: received,
    });
    received += bytes.length;
    return Buffer.from(bytes);
  });
  expect(Buffer.concat(parts)).toEqual(section.bytes);
});
