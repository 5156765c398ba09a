/** ntfy, the public server or one of your own. Source: docs.ntfy.sh/publish/#publish-as-json; 4,096 bytes of message. */
import * as z from 'zod';
import { isEnding } from '../../incidents/transition.ts';
import { receiverName, secretUrl, secretWord } from '../fields.ts';
import { httpNotifier, jsonRequest, secretsOfUrl } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { facts, headline, incidentLink, shortenBytes } from '../text.ts';

export const ntfyConfigSchema = z.strictObject({
  kind: z.literal('ntfy'),
  name: receiverName,
  /** The server, for example https://ntfy.sh; the topic is a setting of its own. */
  url: secretUrl,
  /** On a public server the topic is the password. */
  topic: z.string().regex(/^[-\w]{1,64}$/, 'must be 1 to 64 letters, digits, dashes or underscores'),
  token: secretWord.optional(),
});

const MESSAGE_BYTES_MAX = 4000;
const TITLE_BYTES_MAX = 250;
const PRIORITIES = { page: 5, ticket: 4, info: 2, capacity: 2 } as const;

export function createNtfy(config: z.infer<typeof ntfyConfigSchema>, ports: NotifierPorts): Notifier {
  const url = config.url.reveal();
  const token = config.token?.reveal() ?? '';
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url, {
          notification,
          body: ntfyBody(notification, { topic: config.topic, externalUrl: ports.externalUrl }),
          headers: token === '' ? {} : { authorization: `Bearer ${token}` },
        }),
      secrets: [token, config.topic, ...secretsOfUrl(url)].filter((secret) => secret !== ''),
    },
    ports,
  );
}

/** The message as JSON; a later one of the same incident takes its place where the server can do that. */
export function ntfyBody(
  notification: Notification,
  { topic, externalUrl }: { readonly topic: string; readonly externalUrl: string },
): string {
  const { snapshot, kind } = notification;
  const lines = facts(notification).map(([name, value]) => `${name}: ${value}`);
  const message = [...(snapshot.description === '' ? [] : [snapshot.description, '']), ...lines].join('\n');
  return JSON.stringify({
    topic,
    title: shortenBytes(headline(notification), TITLE_BYTES_MAX),
    message: shortenBytes(message, MESSAGE_BYTES_MAX),
    tags: [isEnding(kind) ? 'white_check_mark' : 'rotating_light'],
    priority: isEnding(kind) ? 3 : PRIORITIES[snapshot.severity],
    click: incidentLink(notification, externalUrl),
    sequence_id: notification.incidentId,
  });
}
