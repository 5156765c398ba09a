/**
 * Rollcall's own webhook, signed as Standard Webhooks 1.0.0 describes (standardwebhooks.com): `webhook-id`,
 * `webhook-timestamp`, `webhook-signature` over `id.timestamp.body` with HMAC-SHA256.
 */
import { createHmac } from 'node:crypto';
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { isEnding } from '../../incidents/transition.ts';
import { receiverName, secretUrl } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { incidentLink, shorten } from '../text.ts';

const SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;

export const standardWebhookConfigSchema = z.strictObject({
  kind: z.literal('standard-webhook'),
  name: receiverName,
  url: secretUrl,
  /** `whsec_` and base64 of 24 to 64 bytes; two while one takes the place of the other. */
  secrets: z
    .array(
      z
        .string()
        .regex(SECRET, 'must be whsec_ and the base64 of 24 to 64 bytes')
        .transform((text) => new Secret(text)),
    )
    .min(1)
    .max(2),
});

/** Longest texts of the body, which has at most 20 KB. */
const TEXT_MAX = 2000;
const LABEL_MAX = 200;
const LABELS_MAX = 40;

export function createStandardWebhook(
  config: z.infer<typeof standardWebhookConfigSchema>,
  ports: NotifierPorts,
): Notifier {
  const url = config.url.reveal();
  const keys = config.secrets.map((secret) => secret.reveal());
  return httpNotifier(
    {
      request: (notification, nowMs) => {
        const body = standardWebhookBody(notification, ports.externalUrl);
        const timestamp = String(Math.floor(nowMs / 1000));
        const headers = {
          'webhook-id': notification.transitionId,
          'webhook-timestamp': timestamp,
          'webhook-signature': keys
            .map((key) => sign(key, { id: notification.transitionId, timestamp, body }))
            .join(' '),
          'x-rollcall-incident': notification.incidentId,
          'x-rollcall-sequence': String(notification.sequence),
        };
        return jsonRequest(url, { notification, body, headers });
      },
      secrets: [...keys, ...keys.map((key) => key.slice('whsec_'.length)), ...secretsOfUrl(url)],
    },
    ports,
  );
}

function sign(secret: string, message: { id: string; timestamp: string; body: string }): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const text = `${message.id}.${message.timestamp}.${message.body}`;
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
}

/** The message as JSON. Equal in all attempts. */
function standardWebhookBody(notification: Notification, externalUrl: string): string {
  const { snapshot, incidentId, transitionId, kind, sequence } = notification;
  const labels = Object.entries(snapshot.labels)
    .slice(0, LABELS_MAX)
    .map(([name, value]) => [shorten(name, LABEL_MAX), shorten(value, LABEL_MAX)] as const);
  return JSON.stringify({
    version: 1,
    type: `incident.${kind}`,
    timestamp: new Date(snapshot.resolvedMs ?? snapshot.openedMs).toISOString(),
    data: {
      incident: {
        id: incidentId,
        key: incidentId,
        status: isEnding(kind) ? kind : 'open',
        severity: snapshot.severity,
        kind: snapshot.kind,
        rule: shorten(snapshot.rule, LABEL_MAX),
        title: shorten(snapshot.title, TEXT_MAX),
        description: shorten(snapshot.description, TEXT_MAX),
        started_at: new Date(snapshot.openedMs).toISOString(),
        resolved_at: snapshot.resolvedMs === null ? null : new Date(snapshot.resolvedMs).toISOString(),
        end_reason: snapshot.endReason,
        host: snapshot.hostId === null ? null : { id: snapshot.hostId, name: snapshot.hostName },
        labels: Object.fromEntries(labels),
        value: snapshot.value,
        threshold: snapshot.threshold,
        links: { ui: incidentLink(notification, externalUrl) },
      },
      transition: { id: transitionId, kind, sequence },
      delivery: { receiver: notification.receiver },
    },
  });
}
