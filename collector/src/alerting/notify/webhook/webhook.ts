/**
 * Alertmanager's webhook, version 4, so that everything which listens to Alertmanager listens to Rollcall. One alert
 * in each message, as with `group_by: ['...']`.
 * Source: prometheus.io/docs/alerting/latest/configuration/#webhook_config.
 */
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { resultOfAnswer, resultOfError } from '../answer.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { fingerprint } from './fingerprint.ts';

export const webhookConfigSchema = z.strictObject({
  kind: z.literal('webhook'),
  /** Unique among the receivers; names the receiver in logs, in the API and in the messages. */
  name: z.string().regex(/^[\w.-]{1,64}$/),
  /** http or https, without credentials. Counts as a secret, since many are. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .transform((text) => new Secret(text)),
  /** Sent as `Authorization: Bearer …`. */
  bearerToken: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .transform((text) => new Secret(text))
    .optional(),
});
export type WebhookConfig = Readonly<z.infer<typeof webhookConfigSchema>>;

/** What Go's JSON encoder makes of a time that is not set. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

export function createWebhook(config: WebhookConfig, ports: NotifierPorts): Notifier {
  const url = config.url.reveal();
  const token = config.bearerToken?.reveal() ?? '';
  const secrets = [token, ...secretsOfUrl(url)];
  return {
    async send(notification, signal) {
      try {
        const answer = await ports.post(
          {
            url,
            headers: headersOf(notification, token),
            body: webhookBody(notification, ports.externalUrl),
          },
          signal,
        );
        const nowMs = ports.clock.wallMs();
        return resultOfAnswer(answer, { nowMs, secrets });
      } catch (error) {
        return resultOfError(error);
      }
    },
  };
}

function headersOf(notification: Notification, token: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'idempotency-key': notification.transitionId,
    'webhook-id': notification.transitionId,
    'x-rollcall-incident': notification.incidentId,
    'x-rollcall-sequence': String(notification.sequence),
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** The message as JSON. Equal in all attempts. */
export function webhookBody(notification: Notification, externalUrl: string): string {
  const { snapshot } = notification;
  const { labels } = snapshot;
  const status = notification.kind === 'fired' ? 'firing' : 'resolved';
  const annotations = { summary: snapshot.title, description: snapshot.description };
  return JSON.stringify({
    receiver: notification.receiver,
    status,
    alerts: [
      {
        status,
        labels,
        annotations,
        startsAt: new Date(snapshot.openedMs).toISOString(),
        endsAt: snapshot.resolvedMs === null ? ZERO_TIME : new Date(snapshot.resolvedMs).toISOString(),
        generatorURL: `${externalUrl}/incidents#${notification.incidentId}`,
        fingerprint: fingerprint(labels),
      },
    ],
    groupLabels: labels,
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: externalUrl,
    version: '4',
    groupKey: `{}:${formatLabels(labels)}`,
    truncatedAlerts: 0,
  });
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort(compareUtf8);
  return `{${names.map((name) => `${name}=${JSON.stringify(labels[name])}`).join(', ')}}`;
}

/** Shorter parts of a URL are no secrets, and would blacken half of an answer. */
const SECRET_LENGTH_MIN = 4;

/** The parts of a URL that an answer must not bring into our database: path, query, and each of their parts. */
function secretsOfUrl(text: string): readonly string[] {
  const url = new URL(text);
  const parts = [url.search, url.pathname, ...url.pathname.split('/'), ...url.searchParams.values()];
  return parts.filter((part) => part.length >= SECRET_LENGTH_MIN);
}
