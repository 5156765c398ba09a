import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { atMost } from './at-most.ts';

/** An app in which two requests may be under way, none of which is ever answered. */
function setUp() {
  let served = 0;
  const app = express();
  app.use(atMost(2), () => void served++);
  /** A request whose answer has not had its turn on the connection: it has no socket of its own. */
  const ask = () => {
    const socket = new Socket();
    const request = new IncomingMessage(socket);
    Object.assign(request, { method: 'POST', url: '/' });
    const response = new ServerResponse(request);
    app(request, response);
    return { socket, response };
  };
  return { ask, served: () => served };
}

describe('requests under way', () => {
  it('are no more than the limit', () => {
    const { ask, served } = setUp();
    for (let i = 0; i < 3; i++) ask();
    expect(served()).toBe(2);
  });

  it.each(['response', 'socket'] as const)('end with their %s', (end) => {
    const { ask, served } = setUp();
    const [first] = [ask(), ask()];
    first[end].emit('close');
    for (let i = 0; i < 2; i++) ask();
    expect(served()).toBe(3);
  });

  it('end once, whatever is closed', () => {
    const { ask, served } = setUp();
    const [first] = [ask(), ask()];
    first.response.emit('close');
    first.socket.emit('close');
    for (let i = 0; i < 2; i++) ask();
    expect(served()).toBe(3);
  });
});
