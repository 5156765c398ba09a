import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createTargetGuard } from '../target.ts';
import { createSmtp, type MailRequest } from './smtp.ts';
import { MAIL_CERTIFICATE as cert, MAIL_KEY as key } from './testing/tls.ts';

const SIGNAL = new AbortController().signal;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly user: unknown;
  readonly isEncrypted: boolean;
}

/** An answer of the server with a code of its own. */
class Answer extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

async function serve(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth: ({ username, password }, _session, callback) =>
      password === 'right pass'
        ? callback(null, { user: username })
        : callback(new Answer(535, 'wrong password')),
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString('utf8'),
          user: session.user,
          isEncrypted: session.secure,
        });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  const listening = server.listen(0, '127.0.0.1');
  closers.push(() => server.close());
  await new Promise<void>((resolve) => listening.once('listening', resolve));
  return { received, port: portOf(listening) };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

function mailer(port: number, over: { ca?: string; totalMs?: number; ranges?: readonly string[] } = {}) {
  const guard = createTargetGuard(
    { allowedRanges: over.ranges ?? ['127.0.0.0/8'], allowedPorts: [port] },
    () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  );
  const limits = { connectMs: 1_000, totalMs: over.totalMs ?? 2_000 };
  return createSmtp({ clock: systemClock, guard, limits, ca: over.ca });
}

function request(port: number, over: Partial<MailRequest> = {}): MailRequest {
  return {
    host: 'mail.example',
    port,
    security: 'none',
    login: null,
    from: 'rollcall@example.org',
    to: ['ops@example.org'],
    message: {
      subject: '[FIRING] /var on wéb-1 is full',
      text: 'Host: web-1\n.\nend',
      html: '<p>Host: web-1</p>',
      messageId: '<1@example.org>',
      headers: { 'X-Rollcall-Incident': 'i-1' },
    },
    ...over,
  };
}

describe('a mail', () => {
  it('arrives whole, under its id', async () => {
    const { received, port } = await serve();
    const answer = await mailer(port)(request(port, { to: ['ops@example.org', 'anna@example.org'] }), SIGNAL);
    expect(answer).toMatchObject({ status: 250, acceptedCount: 2 });
    expect(received).toMatchObject([
      { from: 'rollcall@example.org', to: ['ops@example.org', 'anna@example.org'], isEncrypted: false },
    ]);
    expect(received[0]?.text).toContain('Message-ID: <1@example.org>');
    expect(received[0]?.text).toContain('X-Rollcall-Incident: i-1');
    expect(received[0]?.text).toMatch(/^Subject: =\?UTF-8\?/m);
  });

  it('cannot get a second header through a subject', async () => {
    const { received, port } = await serve();
    const message = { ...request(port).message, subject: 'down\r\nBcc: evil@example.org\r\n\r\nbody' };
    await mailer(port)(request(port, { message }), SIGNAL);
    expect(received[0]?.to).toEqual(['ops@example.org']);
    expect(received[0]?.text).not.toMatch(/^Bcc:/im);
  });

  it.each([
    [450, 450],
    [421, 421],
    [550, 550],
    [552, 552],
  ])('gives the answer %i of the server as it is', async (code, status) => {
    const { port } = await serve({
      onRcptTo: (_address, _session, callback) => callback(new Answer(code, 'no thanks')),
    });
    const answer = await mailer(port)(request(port), SIGNAL);
    expect(answer).toMatchObject({ status, acceptedCount: 0 });
    expect(answer.text).toContain('no thanks');
  });

  it('tells of an address that was refused while others were not', async () => {
    const { received, port } = await serve({
      onRcptTo: ({ address }, _session, callback) =>
        address.startsWith('gone') ? callback(new Answer(550, 'no such user')) : callback(),
    });
    const to = ['ops@example.org', 'gone@example.org'];
    expect(await mailer(port)(request(port, { to }), SIGNAL)).toMatchObject({
      status: 550,
      acceptedCount: 1,
    });
    expect(received).toHaveLength(1);
  });
});

describe('TLS', () => {
  it('is asked for, and is what the password needs', async () => {
    const { received, port } = await serve({ disabledCommands: [], key, cert });
    const login = { user: 'rollcall', password: new Secret('right pass') };
    await mailer(port, { ca: cert })(request(port, { security: 'starttls', login }), SIGNAL);
    expect(received).toMatchObject([{ isEncrypted: true, user: 'rollcall' }]);
    const wrong = { user: 'rollcall', password: new Secret('wrong') };
    const answer = await mailer(port, { ca: cert })(
      request(port, { security: 'starttls', login: wrong }),
      SIGNAL,
    );
    expect(answer.status).toBe(535);
  });

  it('may begin with the connection', async () => {
    const { received, port } = await serve({ secure: true, key, cert });
    await mailer(port, { ca: cert })(request(port, { security: 'implicit' }), SIGNAL);
    expect(received).toMatchObject([{ isEncrypted: true }]);
  });

  it('is not left out when the server does not offer it, or shows a certificate that nobody trusts', async () => {
    const plain = await serve();
    await expect(
      mailer(plain.port)(request(plain.port, { security: 'starttls' }), SIGNAL),
    ).resolves.toMatchObject({ status: 500 });
    const strange = await serve({ disabledCommands: [], key, cert });
    const sent = mailer(strange.port)(request(strange.port, { security: 'starttls' }), SIGNAL);
    await expect(sent).rejects.toMatchObject({ code: 'NOTIFY_FAILED', isRetryable: true });
    expect([...plain.received, ...strange.received]).toEqual([]);
  });
});

describe('a server that does not answer', () => {
  async function silent() {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(
      () => server.close(),
      () => sockets.forEach((socket) => socket.destroy()),
    );
    return { port: portOf(server), sockets };
  }

  it('is waited for as long as is allowed, then cut off', async () => {
    const { port, sockets } = await silent();
    const sent = mailer(port, { totalMs: 30 })(request(port), SIGNAL);
    await expect(sent).rejects.toMatchObject({ code: 'NOTIFY_FAILED', isRetryable: true });
    await expect.poll(() => [...sockets].every(({ readyState }) => readyState === 'closed')).toBe(true);
  });

  it('is left at once when the collector stops', async () => {
    const { port } = await silent();
    const abort = new AbortController();
    const sent = mailer(port)(request(port), abort.signal);
    const reason = new Error('stop');
    abort.abort(reason);
    await expect(sent).rejects.toBe(reason);
  });

  it('may be no server at all', async () => {
    const { port } = await silent();
    closers.splice(0).forEach((close) => close());
    await expect(mailer(port)(request(port), SIGNAL)).rejects.toMatchObject({
      code: 'NOTIFY_FAILED',
      isRetryable: true,
    });
  });
});

describe('the guard', () => {
  it.each([
    ['an address that is not allowed', { ranges: [] }, {}],
    ['plain mail to an address that is not in an allowed range', { ranges: [] }, { security: 'none' }],
    ['a port that is none of mail', {}, { port: 80 }],
    ['the address of the cloud', {}, { host: '169.254.169.254' }],
  ] as const)('refuses %s', async (_what, over, changes) => {
    const { port } = await serve();
    const sent = mailer(port, over)(request(port, { security: 'starttls', ...changes }), SIGNAL);
    await expect(sent).rejects.toMatchObject({ code: 'TARGET_FORBIDDEN' });
  });
});
