/** What the contract of receivers promises, held by mail; and what is its own. */
import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import type { IncidentEvidence } from '../../../api/types.ts';
import { createReceivers, receiverConfigSchema } from '../list.ts';
import type { Notification, NotifierPorts } from '../notifier.ts';
import { FIRED, HUGE, RESOLVED, SECRET } from '../testing/examples.ts';
import type { MailAnswer, MailRequest } from './smtp.ts';

const SIGNAL = new AbortController().signal;
const CONFIG = {
  kind: 'email',
  name: 'ops',
  host: 'mail.example',
  user: 'rollcall',
  password: SECRET,
  from: 'rollcall@example.org',
  to: ['ops@example.org', 'anna@example.org'],
} as const;
const OK: MailAnswer = { status: 250, text: '250 queued', acceptedCount: 2 };

const EVIDENCE: IncidentEvidence = {
  takenMs: 1,
  history: {
    expression: 'used',
    startMs: Date.UTC(2026, 0, 2, 2, 4),
    stepMs: 60_000,
    values: [0.5, 0.6, null, 0.7, 0.951234],
  },
  changes: [
    {
      atMs: Date.UTC(2026, 0, 2, 1),
      section: 'software',
      kind: 'changed',
      what: 'nginx <b>',
      before: '1.26',
      after: '1.27',
    },
  ],
  processes: {
    atMs: Date.UTC(2026, 0, 2, 3),
    spanMs: 60_000,
    programs: ['mysqld <b>', ''].map((name) => ({
      name,
      count: 2,
      pid: 812,
      cpus: 1.25,
      memoryBytes: 430_000_000,
      readBytesPerSecond: null,
      writtenBytesPerSecond: null,
    })),
  },
};

function receiver(answer: MailAnswer | Error = OK, over: object = {}, ports: Partial<NotifierPorts> = {}) {
  const requests: MailRequest[] = [];
  const [created] = createReceivers([receiverConfigSchema.parse({ ...CONFIG, ...over })], {
    post: () => Promise.reject(new Error('no post')),
    mail: async (request) => {
      requests.push(request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    clock: new FakeClock(),
    externalUrl: 'https://rollcall.example',
    ...ports,
  });
  if (created === undefined) throw new Error('no receiver');
  return { notifier: created.notifier, requests };
}

async function mailOf(notification: Notification, ports: Partial<NotifierPorts> = {}): Promise<MailRequest> {
  const { notifier, requests } = receiver(OK, {}, ports);
  await notifier.send(notification, SIGNAL);
  const [request] = requests;
  if (request === undefined) throw new Error('no request');
  return request;
}

const withAll: Partial<NotifierPorts> = {
  links: {
    to: (id, name) => ({ ack: `https://rollcall.example/act/ack/${id}/${name}`, close: 'https://c.example' }),
  },
  evidenceOf: () => Promise.resolve(EVIDENCE),
};

describe('a mail', () => {
  it.each([
    ['fired', FIRED, {}],
    ['fired-with-evidence', FIRED, withAll],
    ['resolved', RESOLVED, withAll],
    ['closed', { ...RESOLVED, kind: 'closed' } as const, {}],
  ])('says exactly this: %s', async (name, notification, ports) => {
    const { message } = await mailOf(notification, ports);
    const head = Object.entries({
      subject: message.subject,
      messageId: message.messageId,
      ...message.headers,
    });
    const lines = head.map(([key, value]) => `${key}: ${value}`).join('\n');
    await expect(`${lines}\n\n${message.text}\n${message.html}\n`).toMatchFileSnapshot(
      `testdata/${name}.txt`,
    );
  });

  it('is the same in each attempt', async () => {
    const { notifier, requests } = receiver();
    expect(await notifier.send(FIRED, SIGNAL)).toEqual({ kind: 'delivered', status: 250 });
    await notifier.send(FIRED, SIGNAL);
    expect(requests[1]).toEqual(requests[0]);
    expect(requests[0]).toMatchObject({ host: 'mail.example', port: 587, security: 'starttls' });
  });

  it('stays small, on one line where it must, and harmless, whatever the texts', async () => {
    const { message } = await mailOf(HUGE, withAll);
    expect(Buffer.byteLength(message.text + message.html)).toBeLessThan(50_000);
    expect(message.subject).not.toMatch(/[\r\n]/);
    expect(message.subject.length).toBeLessThanOrEqual(200);
    expect(message.html).not.toContain('<!channel>');
    expect(message.html).not.toContain('<b>');
    expect(message.text.isWellFormed()).toBe(true);
  });

  it('names the busiest programs', async () => {
    const { message } = await mailOf(FIRED, { evidenceOf: () => Promise.resolve(EVIDENCE) });
    expect(message.text).toContain(
      'Busiest on the host until 2026-01-02 03:00:00 UTC:\n' +
        '- mysqld <b> ×2 (812): 1.25 processors, 410 MiB\n- a program without a name ×2 (812)',
    );
    expect(message.html).toContain('mysqld &lt;b&gt; ×2');
  });

  it('goes without a curve when there is none', async () => {
    const nothing = { history: { problem: 'too slow' }, changes: null, processes: null, takenMs: 1 };
    const { message } = await mailOf(FIRED, { evidenceOf: () => Promise.resolve(nothing) });
    expect(message.text).not.toContain('hour before');
  });
});

describe('the answer of the server', () => {
  it.each([
    [421, 'retry'],
    [450, 'retry'],
    [535, 'refused'],
    [550, 'refused'],
  ])('%i means %s', async (status, kind) => {
    const { notifier } = receiver({ status, text: `${status} no`, acceptedCount: 0 });
    expect(await notifier.send(FIRED, SIGNAL)).toMatchObject({ kind, status, excerpt: `${status} no` });
  });

  it('names how many addresses it did not take', async () => {
    const { notifier } = receiver({ status: 550, text: '550 no such user', acceptedCount: 1 });
    expect(await notifier.send(FIRED, SIGNAL)).toMatchObject({
      kind: 'refused',
      error: 'the mail server answered 550 for 1 of 2 addresses',
    });
  });

  it('may be none, or one that is not even asked for', async () => {
    const silent = new AppError('NOTIFY_FAILED', 'no answer', { isRetryable: true });
    expect(await receiver(silent).notifier.send(FIRED, SIGNAL)).toMatchObject({
      kind: 'retry',
      status: null,
    });
    const forbidden = new AppError('TARGET_FORBIDDEN', 'no');
    expect(await receiver(forbidden).notifier.send(FIRED, SIGNAL)).toMatchObject({ kind: 'refused' });
  });

  it('brings no password into the database, nor do the settings', async () => {
    const { notifier } = receiver({ status: 535, text: `535 wrong: ${SECRET}`, acceptedCount: 0 });
    expect(JSON.stringify(await notifier.send(FIRED, SIGNAL))).not.toContain(SECRET);
    expect(JSON.stringify(receiverConfigSchema.parse(CONFIG))).not.toContain(SECRET);
  });
});

describe('settings', () => {
  it.each([
    ['an unknown one', { extra: 1 }],
    ['no name', { name: '' }],
    ['a host with a path', { host: 'mail.example/x' }],
    ['a host with a second header', { host: 'mail.example\r\nX' }],
    ['an address with a second header', { from: 'a@b.example\r\nBcc: c@d.example' }],
    ['an address with a name', { to: ['Anna <anna@example.org>'] }],
    ['two addresses in one', { to: ['a@example.org,b@example.org'] }],
    ['no address', { to: [] }],
    ['a user without password', { password: undefined }],
    ['a password without TLS', { tls: 'none' }],
    ['a password of two lines', { password: 'a\nb' }],
    ['TLS that nobody knows', { tls: 'yes' }],
    ['a port that is none', { port: 70_000 }],
  ])('are refused with %s', (_what, over) => {
    expect(receiverConfigSchema.safeParse({ ...CONFIG, ...over }).success).toBe(false);
  });

  it('are as short as this', () => {
    const { user: _user, password: _password, ...plain } = CONFIG;
    expect(receiverConfigSchema.safeParse(plain).success).toBe(true);
    expect(receiverConfigSchema.safeParse({ ...plain, tls: 'none' }).success).toBe(true);
  });
});
