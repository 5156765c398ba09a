/** What the session is made of: its phases, what it hears and what it asks for. `session.ts` connects them. */
import type { Challenge } from '@rollcall/shared/protocol/handshake.ts';
import type { ByeReason } from '@rollcall/shared/protocol/messages.ts';
import type { Reconciliation } from './reconcile.ts';

/** When something happens. The session has no clock and no randomness of its own. */
export interface Moment {
  readonly monoMs: number;
  readonly bootMs: number;
  /** A fresh draw, uniform in [0, 1). */
  readonly random: number;
}

/** One epoch of this session. */
export interface Lane {
  readonly epochId: string;
  /** Highest number that the collector has accounted for. */
  readonly watermark: number;
  /** Next number to send. */
  readonly nextSeq: number;
  /** Nothing more to send at the moment. */
  readonly isEmpty: boolean;
}

/** A span of delays to choose from at random. */
export interface DelayWindow {
  readonly minMs: number;
  readonly maxMs: number;
}

/** What outlives a connection. */
export interface Memory {
  /** Connections in a row that came to nothing; sets the back-off. */
  readonly attempt: number;
  /** Reconnects without any delay in a row. */
  readonly hastyReconnects: number;
  /** Boot clock minus monotonic clock: grows by the time that the machine sleeps. */
  readonly clockOffsetMs: number;
  /** Where sessions ended in a protocol error, and how many in a row ended there. */
  readonly stuckAt: { readonly epochId: string; readonly watermark: number; readonly count: number } | null;
  readonly gaveUpAtMs: number | null;
  /** Epoch in which the collector met two records with one number. */
  readonly conflictEpochId: string | null;
}

/** A connection that is welcome. */
export interface Connection {
  readonly liveSinceMs: number;
  /** Oldest epoch first, the current one last. */
  readonly lanes: readonly Lane[];
  readonly heartbeatMs: number;
  /** Bytes of BATCH bodies that may be sent in this session, and that were sent. */
  readonly creditLimit: number;
  readonly sentBytes: number;
  /** The socket holds enough bytes for now. */
  readonly isBlocked: boolean;
  readonly lastSentMs: number;
  readonly lastReceivedMs: number;
  readonly lastPingMs: number;
  readonly hasProgress: boolean;
}

export type SessionState = Memory &
  (
    | { readonly phase: 'IDLE'; readonly wakeAtMs: number }
    | { readonly phase: 'DIAL'; readonly wakeAtMs: number }
    | { readonly phase: 'BACKOFF'; readonly wakeAtMs: number }
    | { readonly phase: 'DORMANT'; readonly wakeAtMs: number }
    | { readonly phase: 'AUTH'; readonly wakeAtMs: number; readonly awaits: 'challenge' | 'welcome' }
    | { readonly phase: 'RECONCILE'; readonly connection: Connection; readonly mustReopen: boolean }
    | { readonly phase: 'LIVE'; readonly connection: Connection }
    | {
        readonly phase: 'DRAINING';
        readonly connection: Connection;
        readonly untilMs: number;
        /** Whether the agent stops; else the collector does, and wants us back within the window. */
        readonly isStopping: boolean;
        readonly window: DelayWindow;
      }
    | { readonly phase: 'STOPPED' }
  );

export type Phase = SessionState['phase'];

export type SessionEvent =
  /** The time that `wakeAtMs` names has come; being early does no harm. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'stop' }
  /** The WebSocket is open. */
  | { readonly kind: 'opened' }
  /** HTTP answered something else than an upgrade. */
  | { readonly kind: 'refused'; readonly statusCode: number; readonly retryAfterMs: number | undefined }
  /** No connection came about. */
  | { readonly kind: 'failed'; readonly isCertificate: boolean; readonly text: string }
  | {
      readonly kind: 'closed';
      readonly code: number;
      /** The collector does not know the key of our HELLO, and we have another one. @default false */
      readonly hasOtherKey?: boolean;
      /** A new key was offered and not answered, so that may be what the collector found wrong. @default false */
      readonly isKeyUnderWay?: boolean;
    }
  | { readonly kind: 'challenge'; readonly challenge: Challenge }
  /** A WELCOME whose signature was verified. */
  | {
      readonly kind: 'welcome';
      readonly reconciliation: Reconciliation;
      readonly creditLimit: number;
      readonly heartbeatMs: number;
      readonly generation: number;
      readonly storeId: string;
      /** What the collector can do beyond the version. */
      readonly features: readonly string[];
    }
  /** The other end broke the protocol or could not prove who it is. */
  | {
      readonly kind: 'violation';
      readonly code: 'PROTOCOL_ERROR' | 'COLLECTOR_UNTRUSTED' | 'UPGRADE_NEEDED';
      readonly text: string;
    }
  | { readonly kind: 'generationStored'; readonly generation: number; readonly isStored: boolean }
  | {
      readonly kind: 'ack';
      readonly epochId: string;
      readonly watermark: number;
      readonly creditLimit: number;
    }
  | { readonly kind: 'goaway'; readonly window: DelayWindow }
  /** Anything else was received: a pong, a rejection. */
  | { readonly kind: 'heard' }
  | { readonly kind: 'inventoryNeeded'; readonly names: readonly string[] }
  | { readonly kind: 'inventoryChanged' }
  /** The collector has stored our next key and waits for a login with it. */
  | { readonly kind: 'keyStored' }
  /** The spool has a new record in its current epoch. */
  | { readonly kind: 'appended'; readonly epochId: string }
  | {
      readonly kind: 'sent';
      readonly epochId: string;
      readonly nextSeq: number;
      readonly bytes: number;
      /** Nothing more is there to be sent, as `laneEmpty` would say after another `sendBatch`. */
      readonly isEnd: boolean;
    }
  | { readonly kind: 'laneEmpty'; readonly epochId: string }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'writable' };

export type Effect =
  | { readonly kind: 'dial' }
  | { readonly kind: 'sendHello'; readonly challenge: Challenge }
  | { readonly kind: 'acknowledge'; readonly epochId: string; readonly watermark: number }
  | { readonly kind: 'rotateEpoch'; readonly epochId: string; readonly rehomeAfter: number }
  | { readonly kind: 'giveUp'; readonly epochId: string; readonly seq: number }
  /** Answered by the event `generationStored`. */
  | { readonly kind: 'storeGeneration'; readonly generation: number; readonly storeId: string }
  | { readonly kind: 'sendGenerationAck'; readonly generation: number }
  | { readonly kind: 'sendInventoryHave' }
  | { readonly kind: 'sendInventory'; readonly names: readonly string[] }
  /** Answered by one of `sent`, `laneEmpty` and `blocked`. */
  | {
      readonly kind: 'sendBatch';
      readonly epochId: string;
      readonly fromSeq: number;
      /** Above 0: what is left of the credit, at most what a batch should have. One record, or a packed batch, may be larger. */
      readonly maxBytes: number;
    }
  | { readonly kind: 'ping' }
  | { readonly kind: 'sendBye'; readonly reason: ByeReason }
  /** Closes the socket in order; nothing that it still says matters. */
  | { readonly kind: 'close'; readonly code: number }
  /** Drops the socket at once. */
  | { readonly kind: 'terminate' }
  | {
      readonly kind: 'report';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

export interface Step {
  readonly state: SessionState;
  readonly effects: readonly Effect[];
}
