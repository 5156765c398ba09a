/** Every kind of receiver there is. A new one adds its schema and its line here, and nothing elsewhere. */
import * as z from 'zod';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Notifier, NotifierPorts, Receiver } from './notifier.ts';
import { createWebhook, webhookConfigSchema } from './webhook/webhook.ts';

export const receiverConfigSchema = z.discriminatedUnion('kind', [webhookConfigSchema]);
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
    default:
      return config.kind satisfies never;
  }
}
