/** What every receiver must do. A new kind needs its settings in testing/examples.ts, and passes or fails here. */
import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createReceivers, receiverConfigSchema } from './list.ts';
import type { Notification, Notifier, SendResult } from './notifier.ts';
import type { PostAnswer, PostRequest } from './post.ts';
import { CONFIGS, FIRED, HUGE, RESOLVED, SECRET } from './testing/examples.ts';

const SIGNAL = new AbortController().signal;
/** What each service takes at most, in bytes of a request; a round number where nobody says. */
const BODY_BYTES_MAX: Readonly<Record<string, number>> = {
  webhook: 1024 * 1024,
  alertmanager: 512 * 1024,
  'standard-webhook': 20_000,
  slack: 50_000,
  teams: 28_000,
  discord: 50_000,
  pagerduty: 512 * 1024,
  telegram: 20_000,
  ntfy: 8_000,
  'google-chat': 32_000,
};

const OK: PostAnswer = { status: 200, retryAfter: null, body: 'ok' };

function parse(kind: string, over: object = {}) {
  return receiverConfigSchema.parse({ kind, name: 'ops', ...CONFIGS[kind], ...over });
}

function receiver(kind: string, answer: PostAnswer | Error): { notifier: Notifier; requests: PostRequest[] } {
  const requests: PostRequest[] = [];
  const [created] = createReceivers([parse(kind)], {
    post: async (request) => {
      requests.push(request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    mail: () => Promise.reject(new Error('no mail')),
    clock: new FakeClock(),
    externalUrl: 'https://rollcall.example',
  });
  if (created === undefined) throw new Error('no receiver');
  return { notifier: created.notifier, requests };
}

async function bodyOf(kind: string, notification: Notification): Promise<string> {
  const { notifier, requests } = receiver(kind, OK);
  await notifier.send(notification, SIGNAL);
  return requests[0]?.body ?? '';
}

async function resultOf(kind: string, answer: PostAnswer | Error): Promise<SendResult> {
  return receiver(kind, answer).notifier.send(FIRED, SIGNAL);
}

it('every kind of receiver is tested', () => {
  const all = receiverConfigSchema.options.map((option) => [...option.shape.kind.values].join());
  // Mail servers answer in their own way: email.test.ts holds mail to the same promises.
  const kinds = all.filter((kind) => kind !== 'email');
  expect(Object.keys(CONFIGS).sort()).toEqual(kinds.sort());
  expect(Object.keys(BODY_BYTES_MAX).sort()).toEqual(kinds.sort());
});

describe.each(Object.keys(CONFIGS))('%s', (kind) => {
  it.each([
    ['fired', FIRED],
    ['resolved', RESOLVED],
    ['closed', { ...RESOLVED, kind: 'closed' } as const],
  ])('writes exactly this when an incident is %s', async (name, notification) => {
    const body: unknown = JSON.parse(await bodyOf(kind, notification));
    const text = JSON.stringify(body, null, 2).replaceAll(SECRET, '[secret]');
    await expect(`${text}\n`).toMatchFileSnapshot(`${kind}/testdata/${name}.json`);
  });

  it('keeps within what the service takes, and stays JSON, whatever the texts', async () => {
    const body = await bodyOf(kind, HUGE);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(BODY_BYTES_MAX[kind] ?? 0);
    expect(body.isWellFormed()).toBe(true);
    expect(() => void JSON.parse(body)).not.toThrow();
  });

  it('is delivered by a good answer, and sends the same in each attempt', async () => {
    const { notifier, requests } = receiver(kind, OK);
    expect(await notifier.send(FIRED, SIGNAL)).toEqual({ kind: 'delivered', status: 200 });
    await notifier.send(FIRED, SIGNAL);
    expect(requests[1]).toEqual(requests[0]);
    expect(requests[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.stringify(requests[0])).toContain(FIRED.incidentId.slice(2));
  });

  it.each([
    [429, '7', 'retry', 7_000],
    [503, null, 'retry', null],
    [500, null, 'retry', null],
    [408, null, 'retry', null],
  ] as const)('is tried again after %i', async (status, retryAfter, expected, waitMs) => {
    const result = await resultOf(kind, { status, retryAfter, body: 'busy' });
    expect(result).toMatchObject({ kind: expected, status, retryAfterMs: waitMs });
  });

  it.each([400, 401, 403, 404, 413, 422, 302])('is refused by %i', async (status) => {
    expect(await resultOf(kind, { ...OK, status })).toMatchObject({
      kind: 'refused',
      status,
      isReceiverGone: false,
    });
  });

  it('is gone after 410', async () => {
    expect(await resultOf(kind, { ...OK, status: 410 })).toMatchObject({
      kind: 'refused',
      isReceiverGone: true,
    });
  });

  it('is tried again when there is no answer, and not when the target is forbidden', async () => {
    const silent = new AppError('NOTIFY_FAILED', 'no answer', { isRetryable: true });
    expect(await resultOf(kind, silent)).toMatchObject({ kind: 'retry', status: null });
    expect(await resultOf(kind, new AppError('TARGET_FORBIDDEN', 'no'))).toMatchObject({ kind: 'refused' });
  });

  it('shows its secrets neither in its settings nor in results', async () => {
    expect(JSON.stringify(parse(kind))).not.toContain(kind === 'ntfy' ? `"token":"${SECRET}` : SECRET);
    const { notifier, requests } = receiver(kind, OK);
    await notifier.send(FIRED, SIGNAL);
    // A service that repeats all that it got.
    const echo = `${requests[0]?.url} ${JSON.stringify(requests[0]?.headers)} ${requests[0]?.body}`;
    const refused = await resultOf(kind, { status: 400, retryAfter: null, body: echo });
    expect(JSON.stringify(refused)).not.toContain(SECRET);
  });

  it.each([
    ['an unknown setting', { extra: 1 }],
    ['no name', { name: '' }],
    ['a name that could forge a log line', { name: 'a\nb' }],
    ['an address that is none', { url: 'file:///etc/passwd' }],
  ])('refuses %s', (_what, over) => {
    expect(receiverConfigSchema.safeParse({ kind, name: 'ops', ...CONFIGS[kind], ...over }).success).toBe(
      false,
    );
  });
});
