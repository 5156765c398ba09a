/** The seam of all receivers: how a notification is handed to somebody else's system, once. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { TransitionKind, Snapshot } from '../incidents/transition.ts';
import type { IncidentEvidence } from '../../api/types.ts';
import type { LinkSigner } from '../links/links.ts';
import type { SendMail } from './email/smtp.ts';
import type { Post } from './post.ts';

export interface Notification {
  /** ULID; equal in all attempts, so that a receiver can recognise a repeat. */
  readonly transitionId: string;
  readonly incidentId: string;
  /** 1, 2, … within the incident; a receiver gets them in this order. */
  readonly sequence: number;
  readonly kind: TransitionKind;
  /** The name of the receiver. */
  readonly receiver: string;
  /** The incident as it was at the transition. */
  readonly snapshot: Snapshot;
}

/**
 * How an attempt ended. `error` is for people: without secrets, without the answer's text. `status` is that of the
 * HTTP answer, `null` when there was none. `excerpt` is the beginning of the answer.
 */
export type SendResult =
  | { readonly kind: 'delivered'; readonly status: number | null }
  | {
      readonly kind: 'retry';
      readonly error: string;
      readonly status: number | null;
      /** How long the receiver asks to be left alone, `null` when it does not say. */
      readonly retryAfterMs: number | null;
      readonly excerpt: string | null;
    }
  | {
      readonly kind: 'refused';
      readonly error: string;
      readonly status: number | null;
      readonly excerpt: string | null;
      /** The receiver wants nothing any more, ever. */
      readonly isReceiverGone: boolean;
    };

export interface Notifier {
  /**
   * Tries once, within its own deadlines. It keeps no queue and repeats nothing. May be called concurrently.
   * Rejects only when `signal` is aborted, or on a bug.
   */
  send(notification: Notification, signal: AbortSignal): Promise<SendResult>;
}

/** What a notifier may use. */
export interface NotifierPorts {
  readonly post: Post;
  readonly mail: SendMail;
  readonly clock: Clock;
  /** Where people reach this collector, without a slash at the end; links start with it. */
  readonly externalUrl: string;
  /** Addresses at which the incident can be acknowledged and closed without a login; none when left out. */
  readonly links?: LinkSigner | undefined;
  /** What was seen when an incident opened; waits a moment while that is being found out. `null` when it is not known. */
  readonly evidenceOf?:
    ((incidentId: string, signal: AbortSignal) => Promise<IncidentEvidence | null>) | undefined;
}

/** A configured receiver. The name is what outbox rows refer to; renaming one is removing and adding it. */
export interface Receiver {
  readonly name: string;
  readonly notifier: Notifier;
}
