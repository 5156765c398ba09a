/**
 * Google Chat by an incoming webhook. Source: developers.google.com/workspace/chat/quickstart/webhooks and
 * …/chat/api/reference/rest/v1/spaces.messages/create: `requestId` makes a repeat harmless; 32,000 bytes at most.
 */
import * as z from 'zod';
import { receiverName, secretUrl } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { escapeHtml, facts, headline, incidentLink, shorten } from '../text.ts';

export const googleChatConfigSchema = z.strictObject({
  kind: z.literal('google-chat'),
  name: receiverName,
  url: secretUrl,
});

const TITLE_MAX = 200;
const TEXT_MAX = 3000;
const FACT_MAX = 300;

export function createGoogleChat(
  config: z.infer<typeof googleChatConfigSchema>,
  ports: NotifierPorts,
): Notifier {
  const base = config.url.reveal();
  return httpNotifier(
    {
      request: (notification) => {
        const url = new URL(base);
        url.searchParams.set('messageReplyOption', 'REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD');
        url.searchParams.set('requestId', notification.transitionId);
        return jsonRequest(url.href, { notification, body: googleChatBody(notification, ports.externalUrl) });
      },
      secrets: secretsOfUrl(base),
    },
    ports,
  );
}

/** The message as JSON: a card in the thread of its incident. */
export function googleChatBody(notification: Notification, externalUrl: string): string {
  const { description } = notification.snapshot;
  const rows = facts(notification).map(([topLabel, text]) => ({
    decoratedText: { topLabel, text: escapeHtml(shorten(text, FACT_MAX)) },
  }));
  const words =
    description === '' ? [] : [{ textParagraph: { text: escapeHtml(shorten(description, TEXT_MAX)) } }];
  const onClick = { openLink: { url: incidentLink(notification, externalUrl) } };
  return JSON.stringify({
    thread: { threadKey: notification.incidentId },
    cardsV2: [
      {
        cardId: notification.transitionId,
        card: {
          // Headers know no markup.
          header: {
            title: shorten(headline(notification), TITLE_MAX),
            subtitle: notification.snapshot.hostName ?? '',
          },
          sections: [
            {
              widgets: [...words, ...rows, { buttonList: { buttons: [{ text: 'Open incident', onClick }] } }],
            },
          ],
        },
      },
    ],
  });
}
