import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createReceivers, receiverConfigSchema } from '../list.ts';
import type { Notification } from '../notifier.ts';
import type { Post, PostRequest } from '../post.ts';
import { fingerprint } from './fingerprint.ts';
import { webhookBody } from './webhook.ts';

const FIRED: Notification = {
  transitionId: '01JGFJJZ0000000000000000AA',
  incidentId: 'i-01JGFJJZ0000000000000000AB',
  sequence: 1,
  kind: 'fired',
  receiver: 'ops',
  snapshot: {
    rule: 'FilesystemAlmostFull',
    kind: 'capacity',
    severity: 'ticket',
    hostId: '00',
    hostName: 'web-1',
    title: '/var on web-1 is 95% full',
    description: 'Free "space".',
    labels: {
      instance: 'web-1',
      mountpoint: '/var',
      alertname: 'FilesystemAlmostFull',
      severity: 'ticket',
    },
    value: 0.95,
    threshold: 0.9,
    openedMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    resolvedMs: null,
    endReason: null,
  },
};
const RESOLVED: Notification = {
  ...FIRED,
  sequence: 2,
  kind: 'resolved',
  snapshot: { ...FIRED.snapshot, resolvedMs: Date.UTC(2026, 0, 2, 4), endReason: 'cleared' },
};

const GOLDEN =
  '{"receiver":"ops","status":"firing","alerts":[{"status":"firing","labels":{"instance":"web-1","mountpoint":"/var",' +
  '"alertname":"FilesystemAlmostFull","severity":"ticket"},"annotations":{"summary":"/var on web-1 is 95% full",' +
  '"description":"Free \\"space\\"."},"startsAt":"2026-01-02T03:04:05.678Z","endsAt":"0001-01-01T00:00:00Z",' +
  '"generatorURL":"https://rollcall.example/incidents/i-01JGFJJZ0000000000000000AB",' +
  '"fingerprint":"b919b17a810d55b9"}],"groupLabels":{"instance":"web-1","mountpoint":"/var",' +
  '"alertname":"FilesystemAlmostFull","severity":"ticket"},"commonLabels":{"instance":"web-1","mountpoint":"/var",' +
  '"alertname":"FilesystemAlmostFull","severity":"ticket"},"commonAnnotations":{"summary":"/var on web-1 is 95% full",' +
  '"description":"Free \\"space\\"."},"externalURL":"https://rollcall.example","version":"4",' +
  '"groupKey":"{}:{alertname=\\"FilesystemAlmostFull\\", instance=\\"web-1\\", mountpoint=\\"/var\\", severity=\\"ticket\\"}",' +
  '"truncatedAlerts":0}';

describe('webhookBody', () => {
  it('writes exactly this for a firing alert', () => {
    expect(webhookBody(FIRED, 'https://rollcall.example')).toBe(GOLDEN);
  });

  it('keeps start, group and fingerprint when it resolves', () => {
    const fired: unknown = JSON.parse(webhookBody(FIRED, 'x'));
    const resolved: unknown = JSON.parse(webhookBody(RESOLVED, 'x'));
    expect(resolved).toMatchObject({
      status: 'resolved',
      alerts: [{ status: 'resolved', endsAt: '2026-01-02T04:00:00.000Z' }],
    });
    const strip = (text: string): string =>
      text.replaceAll(/firing|resolved/g, '').replace(/"endsAt":"[^"]*"/, '');
    expect(strip(JSON.stringify(resolved))).toBe(strip(JSON.stringify(fired)));
  });

  it('reports a closed incident as resolved, since the format knows nothing else', () => {
    expect(webhookBody({ ...RESOLVED, kind: 'closed' }, 'x')).toBe(webhookBody(RESOLVED, 'x'));
  });
});

describe('fingerprint', () => {
  // The known values of prometheus/common, model/signature_test.go.
  it.each([
    [{}, 14695981039346656037n],
    [{ name: 'garland, briggs', fear: 'love is not enough' }, 5799056148416392346n],
  ])('of %j is that of Prometheus', (labels, expected) => {
    expect(BigInt(`0x${fingerprint(labels)}`)).toBe(expected);
  });

  it('does not depend on the order of the labels', () => {
    expect(fingerprint({ a: '1', b: '2' })).toBe(fingerprint({ b: '2', a: '1' }));
    expect(fingerprint({ a: '1', b: '2' })).toMatch(/^[0-9a-f]{16}$/);
  });

  it('tells apart what only concatenates equally', () => {
    expect(fingerprint({ a: 'bc' })).not.toBe(fingerprint({ ab: 'c' }));
  });
});

describe('the webhook receiver', () => {
  const config = (over: object = {}): unknown => ({
    kind: 'webhook',
    name: 'ops',
    url: 'https://hooks.example/T0/s3cret?key=hunter2',
    ...over,
  });

  function receiver(post: Post, over: object = {}) {
    const [created] = createReceivers([receiverConfigSchema.parse(config(over))], {
      post,
      mail: () => Promise.reject(new Error('no mail')),
      clock: new FakeClock(),
      externalUrl: 'https://rollcall.example',
    });
    if (created === undefined) throw new Error('no receiver');
    return created.notifier;
  }
  const signal = new AbortController().signal;

  it('posts with the transition id as key against doubles', async () => {
    const requests: PostRequest[] = [];
    const notifier = receiver(
      async (request) => {
        requests.push(request);
        return { status: 200, retryAfter: null, body: '' };
      },
      { bearerToken: 'tok' },
    );
    expect(await notifier.send(FIRED, signal)).toEqual({ kind: 'delivered', status: 200 });
    await notifier.send(FIRED, signal);
    expect(requests[0]).toEqual(requests[1]);
    expect(requests[0]).toMatchObject({
      url: 'https://hooks.example/T0/s3cret?key=hunter2',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': FIRED.transitionId,
        'webhook-id': FIRED.transitionId,
        'x-rollcall-incident': FIRED.incidentId,
        'x-rollcall-sequence': '1',
        authorization: 'Bearer tok',
      },
    });
  });

  it('turns failures into results, without secrets that the receiver repeats', async () => {
    const body = 'no such hook /T0/s3cret?key=hunter2';
    const refusing = receiver(async () => ({ status: 404, retryAfter: null, body }));
    const refused = await refusing.send(FIRED, signal);
    expect(refused.kind).toBe('refused');
    expect(JSON.stringify(refused)).not.toMatch(/s3cret|hunter2/);
    const failing = receiver(async () => {
      throw new AppError('NOTIFY_FAILED', 'no', { isRetryable: true });
    });
    expect(await failing.send(FIRED, signal)).toMatchObject({ kind: 'retry', error: 'no' });
  });

  it.each([
    ['an unknown key', { extra: 1 }],
    ['no name', { name: '' }],
    ['a name that could forge a log line', { name: 'a\nb' }],
    ['a scheme that is not HTTP', { url: 'file:///etc/passwd' }],
    ['no URL', { url: 'hooks.example' }],
    ['a token with a line break', { bearerToken: 'a\r\nx: y' }],
    ['an unknown kind', { kind: 'pigeon' }],
  ])('refuses a configuration with %s', (_name, over) => {
    expect(receiverConfigSchema.safeParse(config(over)).success).toBe(false);
  });

  it('prints no secrets of its configuration', () => {
    const parsed = receiverConfigSchema.parse(config({ bearerToken: 'tok3n' }));
    expect(JSON.stringify(parsed)).not.toMatch(/s3cret|hunter2|tok3n/);
  });

  it('refuses two receivers of one name', () => {
    const parsed = receiverConfigSchema.parse(config());
    const ports = {
      post: async () => ({ status: 200, retryAfter: null, body: '' }),
      mail: () => Promise.reject(new Error('no mail')),
      clock: new FakeClock(),
      externalUrl: '',
    };
    expect(() => createReceivers([parsed, parsed], ports)).toThrow(/used twice/);
  });
});
