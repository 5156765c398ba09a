import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

/** A request whose answer has not had its turn on the connection: it has no socket of its own. */
function askOf(app: Express) {
  const socket = new Socket();
  const request = new IncomingMessage(socket);
  Object.assign(request, { method: 'POST', url: '/' });
  const response = new ServerResponse(request);
  app(request, response);
  return { socket, response };
}

/** An app in which two requests may be under way, none of which is ever answered. */
function setUp() {
  let served = 0;
  const app = express();
  app.use(new Places(2).enter, () => void served++);
  const ask = () => askOf(app);
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

  it.each(['before', 'during'] as const)('end with their work when the client leaves %s it', async (when) => {
    const places = new Places(1);
    const work = Promise.withResolvers<undefined>();
    let [served, refused] = [0, 0];
    const app = express();
    app.use(places.enter);
    app.use((request, _response, next) => {
      if (when === 'before') request.socket.emit('close');
      next();
    });
    app.use(
      places.untilDone(async () => {
        served++;
        await work.promise;
      }),
    );
    app.use((_error: unknown, _request: Request, _response: Response, _next: NextFunction) => void refused++);
    const ask = (): Socket => askOf(app).socket;
    ask().emit('close');
    ask();
    expect([served, refused]).toEqual([1, 1]);
    work.resolve(undefined);
    await setImmediate();
    ask();
    ask();
    expect([served, refused]).toEqual([2, 2]);
  });
});
