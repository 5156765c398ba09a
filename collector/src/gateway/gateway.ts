/**
 * The agents' side of the collector: decides which sockets are let in, keeps one session per agent, and ends them all
 * when the collector stops.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { sleep, type Clock, type Timer } from '@rollcall/shared/lib/clock.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { CLOSE_CODE } from '@rollcall/shared/protocol/messages.ts';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';
import { KeyedBuckets, TokenBucket } from '../fleet/buckets.ts';
import type { AgentConfigs, ConfigPeers } from '../fleet/agent-configs.ts';
import type { Hosts } from '../fleet/hosts.ts';
import { InventoryIntake } from '../fleet/inventory-intake.ts';
import type { Inventory } from '../fleet/inventory.ts';
import type { PresenceWatch } from '../fleet/presence.ts';
import type { FleetVitals } from '../fleet/vitals.ts';
import type { Journal } from '../journal/journal.ts';
import { channelBindingOf } from './channel-binding.ts';
import { Connection } from './connection.ts';
import type { GatewayCounters } from './counters.ts';
import { EpochRate } from './epoch-rate.ts';
import { HelloJudge } from './hello.ts';
import { NEW_KEYS } from './new-key.ts';
import type { Peer } from './peer.ts';
import type { GatewayShared } from './shared.ts';
import { Slices } from './slices.ts';
import { Turns } from './turns.ts';
import { isConnectPath, refusalOf, refuseUpgrade, type UpgradeRefusal } from './upgrade.ts';

const TICK_MS = 1_000;
/** Connections that are looked at in one turn of the event loop, and the pause before the next ones: 20,000 within a tick. */
const CONNECTIONS_PER_TURN = 200;
const TURN_PAUSE_MS = 10;
/**
 * Sockets let in: what a fast machine can take. What this one can take shows in how many logins it finishes. Each may cost
 * one check of a signature, so this bounds them too.
 */
const ADMISSION = { burst: 250, perSecond: 1_000 };
/** What agents that are asked to come back later expect to be finished. */
const LOGINS_PER_SECOND = 250;
/** Less than the silence that presence allows. */
const RETRY_AFTER_SECONDS_MAX = 25;
/**
 * Logins under way: at most what the last second would finish in four, well within the time that each of them has, and
 * never fewer than come at once. On a machine that is too slow for the admission, more would all run out of time, come back and begin anew.
 */
const LOGINS_UNDER_WAY_SECONDS = 4;
const LOGINS_UNDER_WAY_MIN = 250;
/** Above this share of the pool, windows shrink to the small one. */
const POOL_FULL_RATIO = 0.75;
/** Agents whose new epochs are counted at a time. */
const EPOCH_RATE_AGENTS_MAX = 10_000;
/** Agents whose new keys are counted at a time; a thousandth of a fleet changes its key in an hour. */
const KEY_RATE_AGENTS_MAX = 1_000;
const WINDOW_SMALL_BYTES = 4 * 1024;
/** For who waits for a turn: at least one record, whatever its size. */
const TRICKLE_BYTES = 1024;
/** A planned stop: agents may take so long to settle what is under way, then so long to close. */
const DRAIN_MS = 5_000;
const CLOSE_MS = 1_000;
const RETURN_MIN_MS = 1_000;
const RETURN_MAX_MS = 5_000;
/** Who was told to slow down. Short enough that presence does not call a host down that does as it was told. */
const SLOW_DOWN_WINDOW = { minMs: 5_000, maxMs: 25_000 };

/**
 * For ws. No compression (28 KiB per connection, and bombs), small messages, few fragments, and no list of clients of
 * its own.
 */
const WEB_SOCKET_OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: LIMITS.messageBytes,
  maxFragments: LIMITS.fragmentsPerMessage,
  maxBufferedChunks: 4_096,
  maxPendingAutoPongs: 8,
  closeTimeout: 5_000,
  handleProtocols: () => SUBPROTOCOL,
};

export interface GatewayOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly randomBytes: (count: number) => Buffer;
  /** Uniform in [0, 1); spreads agents that are told to come back later. */
  readonly random: () => number;
  readonly identity: Identity;
  readonly journal: Journal;
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  readonly vitals: FleetVitals;
  readonly inventory: Inventory;
  readonly configs: AgentConfigs;
  readonly counters: GatewayCounters;
  /** The peer's address as failures are counted by; differs from the socket's behind a trusted proxy. */
  readonly addressOf: (request: IncomingMessage) => string;
}

export interface Gateway {
  /**
   * For the HTTP server's `upgrade` event. Answers every request for the agents' path, and returns false without
   * touching anything for all others.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /**
   * Takes a socket that is open already, past the checks of `handleUpgrade` but for the ones of the moment; for
   * transports that bring no HTTP along, such as the simulated network.
   * @returns why it is not let in; undefined when it is
   */
  accept(peer: Peer): UpgradeRefusal | undefined;
  /** Agents with an established session. */
  connectedAgents(): number;
  /** Sockets, authenticated or not. */
  connectionCount(): number;
  /**
   * Asks all agents to come back later, lets them settle what is under way for at most 5 s, then closes. Call it
   * before the journal and presence are closed; calling it again returns the same promise.
   */
  close(): Promise<void>;
}

/** A gateway that works at once; it owns a timer of one second until `close`. */
export function createGateway(options: GatewayOptions): Gateway {
  return new AgentGateway(options);
}

class AgentGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #shared: GatewayShared;
  readonly #intake: InventoryIntake;
  readonly #webSockets = new WebSocketServer(WEB_SOCKET_OPTIONS);
  readonly #admission: TokenBucket;
  readonly #turns = new Turns<Connection>();
  readonly #epochRate = new EpochRate(EPOCH_RATE_AGENTS_MAX);
  readonly #connections = new Set<Connection>();
  /** The newest connection of each agent that has proved who it is. */
  readonly #byAgent = new Map<string, Connection>();
  readonly #configPeers: ConfigPeers = {
    ids: () => this.#takingSettings(),
    versionOf: (agentId) => this.#byAgent.get(agentId)?.configVersion,
    offer: (agentId, signed) => this.#byAgent.get(agentId)?.offerConfig(signed),
  };
  readonly #stopHosts: () => void;
  #pendingBytes = 0;
  #logins = 0;
  #loginsLastSecond = 0;
  #isWritable: boolean;
  #timer: Timer | undefined;
  #roundTimer: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, log, hosts, journal, inventory } = options;
    this.#intake = new InventoryIntake({ inventory, log });
    this.#admission = new TokenBucket(ADMISSION, clock.monoMs());
    this.#isWritable = journal.stats().isWritable;
    this.#shared = {
      ...options,
      intake: this.#intake,
      judge: new HelloJudge(hosts),
      windowBytes: (connection) => this.#windowBytes(connection),
      tickWindowBytes: (connection) => this.#tickWindowBytes(connection),
      turns: this.#turns,
      slices: new Slices(clock, () => options.counters.count('deferred_messages_total', '')),
      epochRate: this.#epochRate,
      keyRate: new KeyedBuckets(NEW_KEYS, KEY_RATE_AGENTS_MAX),
      advanceTurns: () => this.#advanceTurns(),
      addPendingBytes: (bytes) => {
        this.#pendingBytes += bytes;
      },
      journalFailed: () => {
        this.#isWritable = false;
      },
      returnWindow: (closeCode) => this.#returnWindow(closeCode),
      takeOver: (connection) => this.#takeOver(connection),
      released: (connection, hasSaidBye) => this.#released(connection, hasSaidBye),
    };
    this.#stopHosts = hosts.onChange(({ kind, id }) => {
      if (kind !== 'added') this.#epochRate.forget(id);
      if (kind === 'revoked') this.#endAgent(id, 'REVOKED', 'this agent has been revoked');
      if (kind === 'deleted') this.#endAgent(id, 'AUTH_FAILED', 'this agent has been deleted');
    });
    this.#schedule();
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!isConnectPath(request)) return false;
    const refusal = refusalOf(request) ?? this.#refusalNow();
    if (refusal !== undefined) {
      this.#options.counters.count('upgrades_total', refusal);
      const passes = refusal !== 'origin' && refusal !== 'subprotocol';
      refuseUpgrade(socket, refusal, passes ? this.#retryAfterSeconds() : undefined);
      return true;
    }
    // The answer and the CHALLENGE that follows at once leave in one piece.
    socket.cork();
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#options.counters.count('upgrades_total', 'accepted');
      const peer = {
        webSocket,
        socket,
        address: this.#options.addressOf(request),
        channelBinding: channelBindingOf(socket),
      };
      this.#connections.add(new Connection(this.#shared, peer));
    });
    socket.uncork();
    return true;
  }

  accept(peer: Peer): UpgradeRefusal | undefined {
    const refusal = this.#refusalNow();
    this.#options.counters.count('upgrades_total', refusal ?? 'accepted');
    if (refusal === undefined) this.#connections.add(new Connection(this.#shared, peer));
    return refusal;
  }

  connectedAgents(): number {
    let count = 0;
    for (const connection of this.#byAgent.values()) if (connection.isOpen) count++;
    return count;
  }

  connectionCount(): number {
    return this.#connections.size;
  }

  close(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  #refusalNow(): UpgradeRefusal | undefined {
    if (this.#closed !== undefined) return 'draining';
    if (this.#connections.size - this.#byAgent.size >= this.#loginsMax) return 'unauthenticated';
    return this.#admission.take(this.#options.clock.monoMs()) ? undefined : 'admission';
  }

  /**
   * Whole seconds, spread so that those who were refused together do not come back together; no longer than letting all
   * hosts in that are missing would take at the rate of the last second. Refusing costs a slow machine nearly as much as
   * letting in.
   */
  #retryAfterSeconds(): number {
    const missing = this.#options.hosts.count - this.#byAgent.size;
    const perSecond = this.#loginsLastSecond || LOGINS_PER_SECOND;
    const spread = Math.min(RETRY_AFTER_SECONDS_MAX, Math.ceil(missing / perSecond) + 1);
    return 1 + Math.floor(this.#options.random() * spread);
  }

  get #loginsMax(): number {
    const wanted = LOGINS_UNDER_WAY_SECONDS * this.#loginsLastSecond;
    return Math.min(LIMITS.unauthenticatedSockets, Math.max(LOGINS_UNDER_WAY_MIN, wanted));
  }

  #takeOver(connection: Connection): void {
    this.#logins++;
    const older = this.#byAgent.get(connection.agentId);
    this.#byAgent.set(connection.agentId, connection);
    older?.dispatch({
      kind: 'end',
      code: 'SUPERSEDED',
      text: 'a newer session of this agent has taken over',
    });
  }

  #released(connection: Connection, hasSaidBye: boolean): void {
    this.#connections.delete(connection);
    this.#turns.leave(connection);
    const { agentId } = connection;
    if (agentId === '' || this.#byAgent.get(agentId) !== connection) return;
    this.#byAgent.delete(agentId);
    // When the collector stops, it is not the hosts that go.
    if (!hasSaidBye && this.#closed === undefined) this.#options.presence.disconnected(agentId);
  }

  #endAgent(agentId: string, code: 'REVOKED' | 'AUTH_FAILED', text: string): void {
    this.#byAgent.get(agentId)?.dispatch({ kind: 'end', code, text });
  }

  #windowBytes(connection: Connection): number {
    if (!this.#isWritable || this.#turns.waits(connection)) return 0;
    if (this.#pendingBytes > LIMITS.creditPoolBytes * POOL_FULL_RATIO) return WINDOW_SMALL_BYTES;
    return this.#turns.holds(connection) ? LIMITS.creditTurnBytes : LIMITS.creditWindowBytes;
  }

  #tickWindowBytes(connection: Connection): number {
    if (!this.#turns.waits(connection)) return this.#windowBytes(connection);
    const mayTrickle = this.#isWritable && this.#turns.takeTrickle(connection, this.#options.clock.monoMs());
    return mayTrickle ? TRICKLE_BYTES : 0;
  }

  #advanceTurns(): void {
    for (const connection of this.#turns.advance(this.#options.clock.monoMs())) connection.beginTurn();
  }

  #returnWindow(closeCode: number): { readonly minMs: number; readonly maxMs: number } | undefined {
    if (closeCode === CLOSE_CODE.SLOW_DOWN) return SLOW_DOWN_WINDOW;
    if (closeCode !== CLOSE_CODE.UNAVAILABLE) return undefined;
    const spreadMs = (this.#byAgent.size / LOGINS_PER_SECOND) * 1000;
    return { minMs: RETURN_MIN_MS, maxMs: Math.round(RETURN_MAX_MS + spreadMs) };
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimer(
      TICK_MS,
      () => {
        this.#tick();
        this.#schedule();
      },
      { isBackground: true },
    );
  }

  #tick(): void {
    const nowMonoMs = this.#options.clock.monoMs();
    this.#isWritable = this.#options.journal.stats().isWritable;
    this.#loginsLastSecond = this.#logins;
    this.#logins = 0;
    this.#advanceTurns();
    this.#intake.tick(nowMonoMs);
    this.#options.configs.tick(this.#configPeers);
    this.#roundTimer?.cancel();
    this.#tickConnections(this.#connections.values());
  }

  *#takingSettings(): Generator<string> {
    for (const [agentId, { configVersion }] of this.#byAgent) if (configVersion !== undefined) yield agentId;
  }

  /** Looks at the time for the next connections of a round, and for the others in later turns. */
  #tickConnections(round: Iterator<Connection>): void {
    const nowMonoMs = this.#options.clock.monoMs();
    for (let count = 0; count < CONNECTIONS_PER_TURN; count++) {
      const next = round.next();
      if (next.done === true) return;
      next.value.tick(nowMonoMs);
    }
    this.#roundTimer = this.#options.clock.setTimer(TURN_PAUSE_MS, () => this.#tickConnections(round), {
      isBackground: true,
    });
  }

  async #drain(): Promise<void> {
    this.#stopHosts();
    for (const connection of this.#connections) connection.dispatch({ kind: 'goaway' });
    await this.#untilEmpty(DRAIN_MS);
    for (const connection of this.#connections) {
      connection.dispatch({ kind: 'end', code: 'DRAINING', text: 'the collector is about to stop' });
    }
    await this.#untilEmpty(CLOSE_MS);
    for (const connection of this.#connections) connection.terminate();
    this.#timer?.cancel();
    this.#roundTimer?.cancel();
    this.#webSockets.close();
  }

  async #untilEmpty(forMs: number): Promise<void> {
    const { clock } = this.#options;
    const untilMonoMs = clock.monoMs() + forMs;
    while (this.#connections.size > 0 && clock.monoMs() < untilMonoMs) await sleep(clock, 50);
  }
}
