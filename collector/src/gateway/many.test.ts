/** What only shows with more connections than one turn of the event loop looks at. */
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { Peer } from './peer.ts';
import { startTestGateway } from './testing/test-gateway.ts';

/** A peer that was let in and never says anything. */
function silentPeer(closed: () => void): Peer {
  const webSocket = {
    OPEN: 1,
    readyState: 1,
    bufferedAmount: 0,
    on: () => {},
    send: () => {},
    ping: () => {},
    close: closed,
    terminate: () => {},
  };
  const socket = new Duplex({ read: () => {}, write: () => {} });
  return { webSocket, socket, address: '192.0.2.1', channelBinding: Buffer.alloc(0) };
}

describe('hundreds of connections', () => {
  it('are all looked at within a second', async () => {
    await using test = await startTestGateway();
    let closed = 0;
    const count = 250;
    for (let index = 0; index < count; index++)
      expect(test.gateway.accept(silentPeer(() => closed++))).toBeUndefined();
    await test.clock.advance(LIMITS.handshakeMs - 1);
    expect(closed).toBe(0);
    await test.clock.advance(1_001);
    expect(closed).toBe(count);
  });

  it('are looked at in more than one turn', async () => {
    await using test = await startTestGateway();
    let closed = 0;
    for (let index = 0; index < 250; index++) test.gateway.accept(silentPeer(() => closed++));
    let atOnce = 0;
    for (let before = 0; before < 250; before = closed) {
      await test.clock.advance(5);
      atOnce = Math.max(atOnce, closed - before);
    }
    expect(atOnce).toBe(200);
  });
});
