/**
 * PagerDuty's Events API, version 2. Source: developer.pagerduty.com/docs/events-api-v2-overview: a summary has at most
 * 1,024 characters, a dedup key 255, the whole event 512 KB.
 */
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { resultOfAnswer } from '../answer.ts';
import { isEnding } from '../../incidents/transition.ts';
import { receiverName } from '../fields.ts';
import { httpNotifier, jsonRequest } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { facts, headline, incidentLink, shorten } from '../text.ts';

export const pagerdutyConfigSchema = z.strictObject({
  kind: z.literal('pagerduty'),
  name: receiverName,
  /** The integration key of a service or orchestration. */
  routingKey: z
    .string()
    .regex(/^[A-Za-z0-9]{32}$/, 'must be an integration key of 32 letters and digits')
    .transform((text) => new Secret(text)),
  /** Where events go; the service region EU has another one. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .default('https://events.pagerduty.com/v2/enqueue'),
});

const SUMMARY_MAX = 1024;
const DETAIL_MAX = 4000;
const SEVERITIES = { page: 'critical', ticket: 'warning', info: 'info', capacity: 'info' } as const;
/** Too many events: the service asks for minutes, and names none. */
const THROTTLED_WAIT_MS = 120_000;

export function createPagerduty(
  config: z.infer<typeof pagerdutyConfigSchema>,
  ports: NotifierPorts,
): Notifier {
  const key = config.routingKey.reveal();
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(config.url, {
          notification,
          body: pagerdutyBody(notification, { key, externalUrl: ports.externalUrl }),
        }),
      secrets: [key],
      judge: (answer, options) => {
        const result = resultOfAnswer(answer, options);
        if (result.kind !== 'retry' || answer.status !== 429) return result;
        return { ...result, retryAfterMs: result.retryAfterMs ?? THROTTLED_WAIT_MS };
      },
    },
    ports,
  );
}

/** The event as JSON. The incident is the dedup key, so that its end finds its beginning. */
export function pagerdutyBody(
  notification: Notification,
  { key, externalUrl }: { readonly key: string; readonly externalUrl: string },
): string {
  const { snapshot, incidentId, kind } = notification;
  const common = {
    routing_key: key,
    dedup_key: incidentId,
    event_action: isEnding(kind) ? 'resolve' : 'trigger',
  };
  if (isEnding(kind)) return JSON.stringify(common);
  const link = incidentLink(notification, externalUrl);
  return JSON.stringify({
    ...common,
    client: 'Rollcall',
    client_url: link,
    links: [{ href: link, text: 'Open incident' }],
    payload: {
      summary: shorten(headline(notification), SUMMARY_MAX),
      source: snapshot.hostName ?? 'rollcall',
      severity: SEVERITIES[snapshot.severity],
      timestamp: new Date(snapshot.openedMs).toISOString(),
      component: shorten(snapshot.rule, DETAIL_MAX),
      class: snapshot.kind,
      custom_details: {
        ...Object.fromEntries(facts(notification)),
        description: shorten(snapshot.description, DETAIL_MAX),
        labels: Object.fromEntries(
          Object.entries(snapshot.labels).map(([name, value]) => [name, shorten(value, DETAIL_MAX)]),
        ),
      },
    },
  });
}
