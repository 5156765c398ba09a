/**
 * Slack's incoming webhooks. Source: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
 * docs.slack.dev/reference/block-kit/blocks: a header has at most 150 characters, a section 3,000, a field 2,000.
 */
import * as z from 'zod';
import { resultOfAnswer } from '../answer.ts';
import { receiverName, secretUrl } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { escapeHtml, facts, headline, incidentLink, shorten, toneOf } from '../text.ts';

export const slackConfigSchema = z.strictObject({
  kind: z.literal('slack'),
  name: receiverName,
  url: secretUrl,
});

const HEADER_MAX = 150;
const SECTION_MAX = 3000;
const FIELD_MAX = 2000;
const FIELDS_MAX = 10;
const COLOURS = { fired: '#c62828', resolved: '#2e7d32', closed: '#546e7a' } as const;

export function createSlack(config: z.infer<typeof slackConfigSchema>, ports: NotifierPorts): Notifier {
  const url = config.url.reveal();
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url, { notification, body: slackBody(notification, ports.externalUrl) }),
      secrets: secretsOfUrl(url),
      judge: (answer, options) => {
        // A proxy may answer 200 with a page of its own.
        const isTaken = answer.status !== 200 || answer.body.trim() === 'ok';
        return resultOfAnswer(isTaken ? answer : { ...answer, status: 502 }, options);
      },
    },
    ports,
  );
}

/** The message as JSON. */
export function slackBody(notification: Notification, externalUrl: string): string {
  const { title, description } = notification.snapshot;
  const heading = headline(notification);
  const fields = facts(notification).slice(0, FIELDS_MAX);
  return JSON.stringify({
    // What a notification on a telephone shows; `<!channel>` and the like lose their meaning with the brackets.
    text: shorten(escapeHtml(heading), SECTION_MAX),
    attachments: [
      {
        color: COLOURS[toneOf(notification.kind)],
        blocks: [
          { type: 'header', text: { type: 'plain_text', text: shorten(heading, HEADER_MAX), emoji: false } },
          {
            type: 'section',
            text: { type: 'mrkdwn', text: cutEscaped(description === '' ? title : description, SECTION_MAX) },
            fields: fields.map(([name, value]) => ({
              type: 'mrkdwn',
              text: `*${name}*\n${cutEscaped(value, FIELD_MAX - name.length - 3)}`,
            })),
          },
          {
            type: 'actions',
            elements: [
              {
                type: 'button',
                text: { type: 'plain_text', text: 'Open incident' },
                url: incidentLink(notification, externalUrl),
              },
            ],
          },
        ],
      },
    ],
  });
}

/** Cut before it is escaped, so that no entity is cut in two; an escape is at most five times as long. */
function cutEscaped(text: string, max: number): string {
  const escaped = escapeHtml(text);
  return escaped.length <= max ? escaped : escapeHtml(shorten(text, Math.floor(max / 5)));
}
