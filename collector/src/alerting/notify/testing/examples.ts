/** Notifications and settings that every receiver is tested with. */
import type { Notification } from '../notifier.ts';

export const FIRED: Notification = {
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
    description: 'Free "space" <now> & *fast*.',
    labels: { instance: 'web-1', mountpoint: '/var', alertname: 'FilesystemAlmostFull', severity: 'ticket' },
    value: 0.951234,
    threshold: 0.9,
    openedMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    resolvedMs: null,
    endReason: null,
  },
};

export const RESOLVED: Notification = {
  ...FIRED,
  transitionId: '01JGFJJZ0000000000000000AC',
  sequence: 2,
  kind: 'resolved',
  snapshot: { ...FIRED.snapshot, resolvedMs: Date.UTC(2026, 0, 2, 4), endReason: 'cleared' },
};

const NASTY = '<!channel> @everyone </b>&amp;\n[x](http://evil.example) \u{1f525}"\\';

/** Everything as long and as hostile as alerting lets through. */
export const HUGE: Notification = {
  ...FIRED,
  snapshot: {
    ...FIRED.snapshot,
    rule: NASTY.repeat(10),
    hostId: null,
    hostName: NASTY.repeat(4),
    title: NASTY.repeat(5).slice(0, 256),
    description: NASTY.repeat(60).slice(0, 2000),
    labels: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label_${i}`, NASTY.repeat(20)])),
    value: Number.MAX_VALUE,
  },
};

/** Appears in every address and key below, and may appear nowhere else. */
export const SECRET = 's3cr3tWord';
const KEY = `whsec_${Buffer.from(`${SECRET}-of-twenty-four-bytes`).toString('base64')}`;

/** Settings of one receiver of each kind. */
export const CONFIGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  webhook: { url: `https://hooks.example/${SECRET}` },
  'standard-webhook': { url: `https://hooks.example/${SECRET}`, secrets: [KEY] },
  alertmanager: { url: 'http://alertmanager.example:9093', bearerToken: SECRET },
  slack: { url: `https://hooks.slack.com/services/T0/${SECRET}` },
  teams: { url: `https://prod.example/workflows/${SECRET}?sig=${SECRET}` },
  discord: { url: `https://discord.com/api/webhooks/1/${SECRET}` },
  pagerduty: { routingKey: `${SECRET}0123456789012345678901` },
  telegram: { botToken: `123456:${SECRET}_abcdefghijklmnop`, chatId: '-100' },
  ntfy: { url: 'https://ntfy.example', topic: SECRET, token: SECRET },
  'google-chat': { url: `https://chat.googleapis.com/v1/spaces/A/messages?key=k123456&token=${SECRET}` },
};
