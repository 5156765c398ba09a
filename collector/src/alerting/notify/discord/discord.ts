/**
 * Discord's webhooks. Source: discord.com/developers/docs/resources/webhook#execute-webhook and
 * …/resources/message#embed-object-embed-limits: a title has at most 256 characters, a description 4,096, a field 256
 * and 1,024, all of an embed 6,000.
 */
import * as z from 'zod';
import { resultOfAnswer } from '../answer.ts';
import { receiverName, secretUrl } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl, waitInBody } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { escapeMarkdown, facts, headline, incidentLink, shorten, toneOf } from '../text.ts';

export const discordConfigSchema = z.strictObject({
  kind: z.literal('discord'),
  name: receiverName,
  url: secretUrl,
});

const TITLE_MAX = 256;
const DESCRIPTION_MAX = 2000;
const FIELD_MAX = 300;
const COLOURS = { fired: 0xc6_28_28, resolved: 0x2e_7d_32, closed: 0x54_6e_7a } as const;

export function createDiscord(config: z.infer<typeof discordConfigSchema>, ports: NotifierPorts): Notifier {
  // Without `wait` an error of the message would not be told.
  const url = new URL(config.url.reveal());
  url.searchParams.set('wait', 'true');
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url.href, { notification, body: discordBody(notification, ports.externalUrl) }),
      secrets: secretsOfUrl(config.url.reveal()),
      judge: (answer, options) => {
        const result = resultOfAnswer(answer, options);
        if (result.kind !== 'retry') return result;
        return { ...result, retryAfterMs: waitInBody(answer.body, ['retry_after']) ?? result.retryAfterMs };
      },
    },
    ports,
  );
}

/** The message as JSON. */
export function discordBody(notification: Notification, externalUrl: string): string {
  const { description } = notification.snapshot;
  return JSON.stringify({
    // Whatever a host is called, nobody is pinged by it.
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: shorten(escapeMarkdown(headline(notification)), TITLE_MAX),
        url: incidentLink(notification, externalUrl),
        color: COLOURS[toneOf(notification.kind)],
        ...(description === '' ? {} : { description: shorten(escapeMarkdown(description), DESCRIPTION_MAX) }),
        fields: facts(notification).map(([name, value]) => ({
          name,
          value: shorten(escapeMarkdown(value), FIELD_MAX),
          inline: true,
        })),
      },
    ],
  });
}
