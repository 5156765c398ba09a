/** What all connections of a gateway share. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import type { AgentConfigs } from '../fleet/agent-configs.ts';
import type { KeyedBuckets } from '../fleet/buckets.ts';
import type { Hosts } from '../fleet/hosts.ts';
import type { InventoryIntake } from '../fleet/inventory-intake.ts';
import type { PresenceWatch } from '../fleet/presence.ts';
import type { FleetVitals } from '../fleet/vitals.ts';
import type { Journal } from '../journal/journal.ts';
import type { Connection } from './connection.ts';
import type { GatewayCounters } from './counters.ts';
import type { EpochRate } from './epoch-rate.ts';
import type { HelloJudge } from './hello.ts';
import type { Slices } from './slices.ts';
import type { Turns } from './turns.ts';

export interface GatewayShared {
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomBytes: (count: number) => Buffer;
  readonly identity: Identity;
  readonly journal: Journal;
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly vitals: FleetVitals;
  readonly configs: AgentConfigs;
  readonly intake: InventoryIntake;
  readonly judge: HelloJudge;
  readonly counters: GatewayCounters;
  /** Bytes that this agent may have under way now; 0 while nothing can be stored, or while it waits for its turn. */
  windowBytes(connection: Connection): number;
  /** The same, asked once a second: those who wait get a little all the same. */
  tickWindowBytes(connection: Connection): number;
  readonly turns: Turns<Connection>;
  readonly slices: Slices<Connection>;
  readonly epochRate: EpochRate;
  /** New keys by host. */
  readonly keyRate: KeyedBuckets;
  /** Lets those have their turns for whom there is room now. */
  advanceTurns(): void;
  /** Bytes that came or were stored, over all agents. */
  addPendingBytes(bytes: number): void;
  journalFailed(): void;
  /** When an agent may come back after its session was closed with this code; undefined: as it thinks best. */
  returnWindow(closeCode: number): { readonly minMs: number; readonly maxMs: number } | undefined;
  /** This connection is its agent's only one from now on; the older one is ended. */
  takeOver(connection: Connection): void;
  /** The socket of a connection is gone. */
  released(connection: Connection, hasSaidBye: boolean): void;
}
