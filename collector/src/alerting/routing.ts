/**
 * Who is told of a transition. The verdict on each receiver is stored with its outbox row, so that a notification
 * that nobody got can be explained; silences, maintenance and inhibition add their verdicts here.
 */
import type { Transition } from './incidents/transition.ts';

export type Route =
  | { readonly receiver: string; readonly verdict: 'send' }
  | { readonly receiver: string; readonly verdict: 'suppressed'; readonly reason: string };

/** One route for each receiver, in their order. */
export function routesOf(transition: Transition, receivers: readonly string[]): readonly Route[] {
  const { severity } = transition.snapshot;
  switch (severity) {
    case 'page':
    case 'ticket':
      return receivers.map((receiver) => ({ receiver, verdict: 'send' }));
    case 'info':
    case 'capacity':
      return receivers.map((receiver) => ({
        receiver,
        verdict: 'suppressed',
        reason: `incidents of severity ${severity} are shown, not sent`,
      }));
    default:
      return severity satisfies never;
  }
}
