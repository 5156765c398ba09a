/**
 * Telegram's bots. Source: core.telegram.org/bots/api#sendmessage: a text has 1 to 4,096 characters after its markup was
 * read; core.telegram.org/bots/api#responseparameters: `parameters.retry_after` in seconds.
 */
import * as z from 'zod';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { resultOfAnswer } from '../answer.ts';
import { receiverName } from '../fields.ts';
import { httpNotifier, jsonRequest, waitInBody } from '../http-notifier.ts';
import type { Notification, Notifier, NotifierPorts } from '../notifier.ts';
import { escapeHtml, facts, headline, incidentLink, shorten } from '../text.ts';

export const telegramConfigSchema = z.strictObject({
  kind: z.literal('telegram'),
  name: receiverName,
  botToken: z
    .string()
    .regex(/^\d{1,20}:[\w-]{20,100}$/, 'must be the token of a bot, like 123456:ABC…')
    .transform((text) => new Secret(text)),
  /** A number, or the name of a channel with its @. */
  chatId: z
    .string()
    .regex(/^(-?\d{1,20}|@\w{1,64})$/, 'must be the number of a chat or the @name of a channel'),
  /** Topic of a group with topics. */
  threadId: z.int().positive().optional(),
  /** The bot API, also one of your own. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .default('https://api.telegram.org'),
});

const DESCRIPTION_MAX = 2500;
const FACT_MAX = 150;

export function createTelegram(config: z.infer<typeof telegramConfigSchema>, ports: NotifierPorts): Notifier {
  const token = config.botToken.reveal();
  const url = `${config.url.replace(/\/+$/, '')}/bot${token}/sendMessage`;
  return httpNotifier(
    {
      request: (notification) =>
        jsonRequest(url, {
          notification,
          body: telegramBody(notification, { ...config, externalUrl: ports.externalUrl }),
        }),
      secrets: [token, ...token.split(':')],
      judge: (answer, options) => {
        const result = resultOfAnswer(answer, options);
        if (result.kind !== 'retry') return result;
        return {
          ...result,
          retryAfterMs: waitInBody(answer.body, ['parameters', 'retry_after']) ?? result.retryAfterMs,
        };
      },
    },
    ports,
  );
}

interface Chat {
  readonly chatId: string;
  readonly threadId?: number | undefined;
  readonly externalUrl: string;
}

/** The message as JSON. */
export function telegramBody(notification: Notification, { chatId, threadId, externalUrl }: Chat): string {
  const { description } = notification.snapshot;
  const lines = facts(notification).map(
    ([name, value]) => `${name}: ${escapeHtml(shorten(value, FACT_MAX))}`,
  );
  const text = [
    `<b>${escapeHtml(shorten(headline(notification), 256))}</b>`,
    ...(description === '' ? [] : [escapeHtml(shorten(description, DESCRIPTION_MAX))]),
    lines.join('\n'),
  ].join('\n\n');
  return JSON.stringify({
    chat_id: chatId,
    ...(threadId === undefined ? {} : { message_thread_id: threadId }),
    parse_mode: 'HTML',
    text,
    link_preview_options: { is_disabled: true },
    reply_markup: {
      inline_keyboard: [[{ text: 'Open incident', url: incidentLink(notification, externalUrl) }]],
    },
  });
}
