/**
 * An Alertmanager that exists already: alerts are handed to its API, and it routes, groups and silences them. Source:
 * github.com/prometheus/alertmanager, api/v2/openapi.yaml, `POST /alerts`.
 */
import * as z from 'zod';
import { receiverName, secretUrl, secretWord } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { incidentLink } from '../text.ts';

export const alertmanagerConfigSchema = z.strictObject({
  kind: z.literal('alertmanager'),
  name: receiverName,
  /** Its address without a path, for example http://alertmanager:9093. */
  url: secretUrl,
  bearerToken: secretWord.optional(),
});

/**
 * Alertmanager ends an alert by itself when it is not told of it again; ours is told once, and ended when its incident
 * ends, so that its end lies out of sight until then.
 */
const FIRING_MS = 365 * 86_400_000;

export function createAlertmanager(
  config: z.infer<typeof alertmanagerConfigSchema>,
  ports: NotifierPorts,
): Notifier {
  const base = config.url.reveal();
  const token = config.bearerToken?.reveal() ?? '';
  const url = `${base.replace(/\/+$/, '')}/api/v2/alerts`;
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url, {
          notification,
          body: alertmanagerBody(notification, ports.externalUrl),
          headers: token === '' ? {} : { authorization: `Bearer ${token}` },
        }),
      secrets: [token, ...secretsOfUrl(base)].filter((secret) => secret !== ''),
    },
    ports,
  );
}

/** One alert in a list, as JSON. */
function alertmanagerBody(notification: Notification, externalUrl: string): string {
  const { snapshot } = notification;
  const endsMs = snapshot.resolvedMs ?? snapshot.openedMs + FIRING_MS;
  return JSON.stringify([
    {
      labels: snapshot.labels,
      annotations: { summary: snapshot.title, description: snapshot.description },
      startsAt: new Date(snapshot.openedMs).toISOString(),
      endsAt: new Date(endsMs).toISOString(),
      generatorURL: incidentLink(notification, externalUrl),
    },
  ]);
}
