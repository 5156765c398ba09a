/**
 * Microsoft Teams by a workflow that waits for a webhook: an Adaptive Card. Source:
 * learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors and adaptivecards.io/explorer; 28 KB at most.
 */
import * as z from 'zod';
import { receiverName, secretUrl } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { escapeMarkdown, facts, headline, incidentLink, shorten, toneOf } from '../text.ts';

export const teamsConfigSchema = z.strictObject({
  kind: z.literal('teams'),
  name: receiverName,
  url: secretUrl,
});

const TITLE_MAX = 300;
const TEXT_MAX = 4000;
const FACT_MAX = 500;
const COLOURS = { fired: 'attention', resolved: 'good', closed: 'default' } as const;

export function createTeams(config: z.infer<typeof teamsConfigSchema>, ports: NotifierPorts): Notifier {
  const url = config.url.reveal();
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url, { notification, body: teamsBody(notification, ports.externalUrl) }),
      secrets: secretsOfUrl(url),
    },
    ports,
  );
}

/** The message as JSON. */
export function teamsBody(notification: Notification, externalUrl: string): string {
  const { description } = notification.snapshot;
  const card = {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.2',
    body: [
      {
        type: 'TextBlock',
        size: 'medium',
        weight: 'bolder',
        wrap: true,
        color: COLOURS[toneOf(notification.kind)],
        text: escapeMarkdown(shorten(headline(notification), TITLE_MAX)),
      },
      ...(description === ''
        ? []
        : [{ type: 'TextBlock', wrap: true, text: escapeMarkdown(shorten(description, TEXT_MAX)) }]),
      {
        type: 'FactSet',
        facts: facts(notification).map(([title, value]) => ({
          title,
          value: escapeMarkdown(shorten(value, FACT_MAX)),
        })),
      },
    ],
    actions: [
      { type: 'Action.OpenUrl', title: 'Open incident', url: incidentLink(notification, externalUrl) },
    ],
  };
  return JSON.stringify({
    type: 'message',
    attachments: [
      { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card },
    ],
  });
}
