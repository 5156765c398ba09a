/** What goes into the feed's thread, and what comes out of it. */
import type { LogLevel } from '@rollcall/shared/lib/log.ts';
import type { PlainStore } from '../storage/store-config.ts';
import type { StoreStatus } from './store-feed.ts';

/** A host and its identity labels; undefined when it was deleted. */
export type HostEntry = readonly [id: string, identity: readonly (readonly [string, string])[] | undefined];

export interface FeedSettings {
  readonly journalFile: string;
  readonly stateFile: string;
  /** Names the journal that cursors belong to. */
  readonly journalId: string;
  readonly stores: readonly { readonly name: string; readonly store: PlainStore }[];
  readonly niceness: number;
}

export type ToFeed =
  /** The first one starts the feed: without its hosts their samples would be left out. */
  { readonly kind: 'hosts'; readonly hosts: readonly HostEntry[] } | { readonly kind: 'stop' };

export type FromFeed =
  | { readonly kind: 'status'; readonly stores: readonly StoreStatus[] }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'stopped' };
