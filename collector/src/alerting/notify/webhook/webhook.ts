/**
 * Alertmanager's webhook, version 4, so that everything which listens to Alertmanager listens to Rollcall. One alert
 * in each message, as with `group_by: ['...']`.
 * Source: prometheus.io/docs/alerting/latest/configuration/#webhook_config.
 */
import * as z from 'zod';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { receiverName, secretUrl, secretWord } from '../fields.ts';
import { httpNotifier, secretsOfUrl } from '../http-notifier.ts';
import { isEnding } from '../../incidents/transition.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { incidentLink } from '../text.ts';
import { fingerprint } from './fingerprint.ts';

export const webhookConfigSchema = z.strictObject({
  kind: z.literal('webhook'),
  name: receiverName,
  url: secretUrl,
  /** Sent as `Authorization: Bearer …`. */
  bearerToken: secretWord.optional(),
});
export type WebhookConfig = Readonly<z.infer<typeof webhookConfigSchema>>;

/** What Go's JSON encoder makes of a time that is not set. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

export function createWebhook(config: WebhookConfig, ports: NotifierPorts): Notifier {
  const url = config.url.reveal();
  const token = config.bearerToken?.reveal() ?? '';
  return httpNotifier(
    {
      request: (notification) => ({
        url,
        headers: headersOf(notification, token),
        body: webhookBody(notification, ports.externalUrl),
      }),
      secrets: [token, ...secretsOfUrl(url)],
    },
    ports,
  );
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
  const status = isEnding(notification.kind) ? 'resolved' : 'firing';
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
        generatorURL: incidentLink(notification, externalUrl),
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
