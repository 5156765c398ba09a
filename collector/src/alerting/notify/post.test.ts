import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createPost, POST_LIMITS, type Post, type PostAnswer } from './post.ts';
import { closeReceivers, hostile, reply, until } from '../testing/hostile-receiver.ts';
import { createTargetGuard, type ResolvedAddress } from './target.ts';

const clock = new FakeClock();

afterEach(closeReceivers);

function postTo(port: number, addresses?: readonly ResolvedAddress[]): Post {
  const guard = createTargetGuard({ allowedRanges: ['127.0.0.0/8'], allowedPorts: [port] }, async () => {
    if (addresses === undefined) throw new Error('no names here');
    return addresses;
  });
  return createPost({ clock, guard });
}

function send(port: number, path = '/hook', signal = new AbortController().signal): Promise<PostAnswer> {
  return postTo(port)(
    { url: `http://127.0.0.1:${port}${path}`, headers: { 'x-a': 'b' }, body: '{"ä":1}' },
    signal,
  );
}

describe('createPost', () => {
  it('sends one request and returns the answer', async () => {
    const receiver = await hostile(reply('200 OK', 'thanks'));
    expect(await send(receiver.port, '/hook?key=1')).toEqual({
      status: 200,
      retryAfter: null,
      body: 'thanks',
    });
    expect(receiver.requests).toHaveLength(1);
    expect(receiver.requests[0]).toMatch(/^POST \/hook\?key=1 HTTP\/1\.1\r\n/);
    expect(receiver.requests[0]?.toLowerCase()).toContain(`host: 127.0.0.1:${receiver.port}\r\n`);
    expect(receiver.requests[0]).toContain('content-length: 8\r\n');
    expect(receiver.requests[0]).toMatch(/\r\n\r\n\{"ä":1\}$/);
  });

  it.each([
    ['204 No Content', 204, null],
    ['500 Oops', 500, null],
    ['429 Slow\r\nRetry-After: 30', 429, '30'],
    ['302 Elsewhere\r\nLocation: http://169.254.169.254/', 302, null],
  ])('returns %j as an answer and follows nothing', async (head, status, retryAfter) => {
    const receiver = await hostile(reply(head));
    expect(await send(receiver.port)).toEqual({ status, retryAfter, body: '' });
    expect(receiver.requests).toHaveLength(1);
  });

  it('reads no more than its limit of an endless body', async () => {
    const receiver = await hostile((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const more = (): void => {
        while (socket.writable && socket.write(`1000\r\n${'x'.repeat(4096)}\r\n`));
      };
      socket.on('drain', more);
      more();
    });
    const answer = await send(receiver.port);
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(POST_LIMITS.readBytesMax);
  });

  it('takes the status of an answer whose body never ends', async () => {
    let isAnswered = false;
    const receiver = await hostile((socket) => {
      socket.write('HTTP/1.1 202 OK\r\nContent-Length: 100\r\n\r\npart', () => (isAnswered = true));
    });
    const sent = send(receiver.port);
    await until(() => isAnswered);
    await clock.advance(POST_LIMITS.totalMs);
    expect(await sent).toMatchObject({ status: 202 });
  });

  it('takes the status of an answer whose body is cut off', async () => {
    const receiver = await hostile((socket) => {
      socket.end('HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\npart');
    });
    expect(await send(receiver.port)).toEqual({ status: 500, retryAfter: null, body: 'part' });
  });

  it('gives up after the total time when nothing is answered', async () => {
    const receiver = await hostile(() => {});
    const sent = send(receiver.port, '/s3cret?key=hunter2').catch((error: unknown) => String(error));
    await until(() => receiver.requests[0]?.includes('{') ?? false);
    await clock.advance(POST_LIMITS.totalMs - 1);
    await clock.advance(1);
    expect(await sent).toBe(
      `AppError: send request to http://127.0.0.1:${receiver.port}: no answer within 15000 ms`,
    );
    expect(clock.timerCount).toBe(0);
  });

  it.each([
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy(), /ECONNRESET/],
    ['closes the connection', (socket: Socket) => socket.end(), /ECONNRESET/],
    ['answers nonsense', (socket: Socket) => socket.end('SSH-2.0-OpenSSH\r\n'), /HPE_/],
    ['answers with an endless head', endlessHead, /HPE_HEADER_OVERFLOW/],
  ] as const)('fails when the receiver %s', async (_name, answer, message) => {
    const receiver = await hostile(answer);
    const failure = await send(receiver.port, '/s3cret?key=hunter2').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'NOTIFY_FAILED', isRetryable: true });
    expect(String(failure)).toMatch(message);
    expect(String(failure)).not.toMatch(/s3cret|hunter2/);
    expect(clock.timerCount).toBe(0);
  });

  it('fails when nobody listens', async () => {
    const receiver = await hostile(() => {});
    closeReceivers();
    await expect(send(receiver.port)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('gives up a connection that does not come about', async () => {
    // Accepts, but never speaks TLS.
    const receiver = await hostile(() => {});
    const url = `https://127.0.0.1:${receiver.port}/`;
    const request = { url, headers: {}, body: '' };
    const sent = postTo(receiver.port)(request, new AbortController().signal).catch((error: unknown) =>
      String(error),
    );
    await until(() => (receiver.requests[0] ?? '') !== '');
    await clock.advance(POST_LIMITS.connectMs);
    expect(await sent).toMatch(/no connection within 5000 ms/);
    expect(clock.timerCount).toBe(0);
  });

  it('ends at once when it is aborted, before and during the request', async () => {
    const receiver = await hostile(() => {});
    await expect(send(receiver.port, '/', AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect(receiver.requests).toEqual([]);
    const controller = new AbortController();
    const sent = send(receiver.port, '/', controller.signal).catch((error: unknown) => String(error));
    await until(() => receiver.requests.length > 0);
    controller.abort(new Error('stop'));
    expect(await sent).toBe('Error: stop');
    expect(clock.timerCount).toBe(0);
  });

  it('connects to the address that was checked, not to what the name says now', async () => {
    const receiver = await hostile(reply('200 OK'));
    const post = postTo(receiver.port, [{ address: '127.0.0.1', family: 4 }]);
    const url = `http://name.invalid:${receiver.port}/`;
    const answer = await post({ url, headers: {}, body: '' }, new AbortController().signal);
    expect(answer.status).toBe(200);
    expect(receiver.requests[0]?.toLowerCase()).toContain(`host: name.invalid:${receiver.port}`);
  });

  it('drops a connection that reports an address which was not checked', async () => {
    const receiver = await hostile(reply('200 OK'));
    const post = createPost({
      clock,
      guard: {
        check: async (url) => ({
          url: new URL(url),
          addresses: [{ address: '127.0.0.1', family: 4 }],
          includes: () => false,
        }),
      },
    });
    const url = `http://name.invalid:${receiver.port}/`;
    const sent = post({ url, headers: {}, body: '' }, new AbortController().signal);
    await expect(sent).rejects.toThrow(/address that was not checked/);
  });

  it('does not even connect to a forbidden target', async () => {
    const receiver = await hostile(reply('200 OK'));
    const guard = createTargetGuard({ allowedRanges: [], allowedPorts: [receiver.port] });
    const post = createPost({ clock, guard });
    const url = `http://127.0.0.1:${receiver.port}/`;
    const sent = post({ url, headers: {}, body: '' }, new AbortController().signal);
    await expect(sent).rejects.toMatchObject({ code: 'TARGET_FORBIDDEN' });
    expect(receiver.requests).toEqual([]);
  });

  it('gives up a name that takes too long to resolve', async () => {
    const guard = createTargetGuard({ allowedRanges: [], allowedPorts: [] }, () => new Promise(() => {}));
    const post = createPost({ clock, guard });
    const sent = post(
      { url: 'https://slow.example/', headers: {}, body: '' },
      new AbortController().signal,
    ).catch((error: unknown) => String(error));
    await clock.advance(POST_LIMITS.totalMs);
    expect(await sent).toMatch(/no answer within 15000 ms/);
  });
});

function endlessHead(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\n');
  const more = (): void => {
    while (socket.writable && socket.write(`x-${'a'.repeat(1000)}: b\r\n`));
  };
  socket.on('drain', more);
  more();
}
