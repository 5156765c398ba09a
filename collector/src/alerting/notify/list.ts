/** Every kind of receiver there is. A new one adds its schema and its line here, and nothing elsewhere. */
import * as z from 'zod';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { alertmanagerConfigSchema, createAlertmanager } from './alertmanager/alertmanager.ts';
import { createDiscord, discordConfigSchema } from './discord/discord.ts';
import { createEmail, emailConfigSchema } from './email/email.ts';
import { createGoogleChat, googleChatConfigSchema } from './google-chat/google-chat.ts';
import type { Notifier, NotifierPorts, Receiver } from './notifier.ts';
import { createNtfy, ntfyConfigSchema } from './ntfy/ntfy.ts';
import { createPagerduty, pagerdutyConfigSchema } from './pagerduty/pagerduty.ts';
import { createSlack, slackConfigSchema } from './slack/slack.ts';
import { createStandardWebhook, standardWebhookConfigSchema } from './standard-webhook/standard-webhook.ts';
import { createTeams, teamsConfigSchema } from './teams/teams.ts';
import { createTelegram, telegramConfigSchema } from './telegram/telegram.ts';
import { createWebhook, webhookConfigSchema } from './webhook/webhook.ts';

export const receiverConfigSchema = z.discriminatedUnion('kind', [
  webhookConfigSchema,
  standardWebhookConfigSchema,
  alertmanagerConfigSchema,
  slackConfigSchema,
  teamsConfigSchema,
  discordConfigSchema,
  pagerdutyConfigSchema,
  telegramConfigSchema,
  ntfyConfigSchema,
  googleChatConfigSchema,
  emailConfigSchema,
]);
export type ReceiverConfig = Readonly<z.infer<typeof receiverConfigSchema>>;

/** @throws AppError BAD_CONFIG when two receivers have one name */
export function createReceivers(
  configs: readonly ReceiverConfig[],
  ports: NotifierPorts,
): readonly Receiver[] {
  const names = new Set<string>();
  return configs.map((config) => {
    if (names.has(config.name)) {
      throw new AppError('BAD_CONFIG', `receivers: the name "${config.name}" is used twice`);
    }
    names.add(config.name);
    return { name: config.name, notifier: createNotifier(config, ports) };
  });
}

function createNotifier(config: ReceiverConfig, ports: NotifierPorts): Notifier {
  switch (config.kind) {
    case 'webhook':
      return createWebhook(config, ports);
    case 'standard-webhook':
      return createStandardWebhook(config, ports);
    case 'alertmanager':
      return createAlertmanager(config, ports);
    case 'slack':
      return createSlack(config, ports);
    case 'teams':
      return createTeams(config, ports);
    case 'discord':
      return createDiscord(config, ports);
    case 'pagerduty':
      return createPagerduty(config, ports);
    case 'telegram':
      return createTelegram(config, ports);
    case 'ntfy':
      return createNtfy(config, ports);
    case 'google-chat':
      return createGoogleChat(config, ports);
    case 'email':
      return createEmail(config, ports);
  }
}
