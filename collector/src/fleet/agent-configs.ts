/**
 * Offers settings to agents: what is wanted of a host, under a version of its own that only goes up, signed when it is sent.
 * What is wanted of all hosts is tried by a first ring of them; the others get it when those have taken it. All is in the
 * database but the list of hosts to look at, and looks come in portions, so that neither a fleet that comes back nor a change
 * for all of it holds anything up. docs/decisions/0087-settings-from-the-collector.md
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import {
  CONFIG_VERSION_MAX,
  signConfig,
  type AgentSettings,
  type ConfigAnswer,
} from '@rollcall/shared/protocol/agent-config.ts';
import type { Identity } from '@rollcall/shared/protocol/identity.ts';
import type { HostConfig } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import { AgentConfigStore, settingsOf, settingsText, type FleetConfig, type Offer } from './config-store.ts';

export const CONFIG_LIMITS = {
  /** Share of the enrolled hosts that try first; at least one does. */
  ringRatio: 0.05,
  /** Share of the ring above which refusals stop the roll-out. */
  refusedRatioMax: 0.02,
  /** A host of the ring that has not answered by then makes room for another one. */
  ringAnswerMs: 10 * 60_000,
  /** Hosts that are looked at in one round, some 0.2 ms each. */
  hostsPerRound: 50,
} as const;
const TEXT_LENGTH_MAX = 200;

/** Connected agents that take settings. */
export interface ConfigPeers {
  ids(): Iterable<string>;
  /** Of the settings that the agent has in force, 0 for none; undefined when it is not there or takes none. */
  versionOf(hostId: string): number | undefined;
  /** @param signed body of CONFIG */
  offer(hostId: string, signed: Buffer): void;
}

export interface AgentConfigsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: Identity;
  readonly hosts: { readonly count: number };
  /** offered, applied, rejected with its reason, unasked: an answer to what was not offered */
  readonly counted: (outcome: 'offered' | 'applied' | 'rejected' | 'unasked', reason: string) => void;
}

export class AgentConfigs {
  readonly #options: AgentConfigsOptions;
  readonly #store: AgentConfigStore;
  #fleet: FleetConfig;
  /** Hosts that try first, by when they began to, on the monotonic clock; for all that a process before has left, when this one did. */
  #ring = new Map<string, number>();
  /** Left the ring without an offer, and have not logged in since. */
  readonly #missing = new Set<string>();
  /** Hosts to look at, those first that have waited longest. */
  readonly #due = new Set<string>();
  /** What agents said since the last round, the newest of each. */
  readonly #answers = new Map<string, ConfigAnswer>();
  #isFailing = false;

  constructor(options: AgentConfigsOptions) {
    this.#options = options;
    this.#store = new AgentConfigStore(options.database);
    this.#fleet = this.#store.fleet();
    this.#readRing([]);
  }

  /** An agent that takes settings has logged in. @param version of those that it has in force, 0 for none */
  joined(hostId: string, version: number): void {
    this.#missing.delete(hostId);
    // Where nobody ever set anything, logins cost nothing.
    if (version > 0 || this.#fleet.change > 0) this.#due.add(hostId);
  }

  /** An agent says what became of an offer; it may say what it likes. */
  answered(hostId: string, answer: ConfigAnswer): void {
    this.#answers.set(hostId, answer);
  }

  /** What a host was offered last, null when nothing ever was. */
  of(hostId: string): HostConfig | null {
    const offer = this.#store.offerOf(hostId);
    if (offer === undefined) return null;
    const { version, state, reason, text, changedMs } = offer;
    const {
      intervalMs = null,
      disabledSamplers = null,
      logLevel = null,
    } = offer.settings === '' ? {} : settingsOf(offer.settings);
    const settings = { intervalMs, disabledSamplers, logLevel };
    return { version, settings, state, reason, text, changedMs };
  }

  /** One round, about once a second. What cannot be stored is tried again in the next. */
  tick(peers: ConfigPeers): void {
    try {
      if (this.#store.change !== this.#fleet.change) this.#readChange(peers);
      if (this.#answers.size > 0) this.#store.transaction(() => this.#takeAnswers());
      if (this.#fleet.stage === 'ring') this.#advance(peers);
      this.#offerDue(peers);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) {
        this.#options.log.error('settings of agents cannot be stored', { error: describeError(error) });
      }
      this.#isFailing = true;
    }
  }

  /** A person has changed something: hosts that were meant go first. */
  #readChange(peers: ConfigPeers): void {
    const before = this.#fleet;
    this.#fleet = this.#store.fleet();
    const changed = this.#store.hostsChangedAfter(before.change);
    this.#readRing(changed);
    const waited = [...this.#due];
    this.#due.clear();
    for (const id of [...changed, ...before.ring]) this.#due.add(id);
    for (const id of waited) this.#due.add(id);
    if (settingsText(before.released) === settingsText(this.#fleet.released)) return;
    for (const id of peers.ids()) this.#due.add(id);
  }

  /** @param changed hosts whose time in the ring begins anew */
  #readRing(changed: readonly string[]): void {
    const [before, nowMs] = [this.#ring, this.#options.clock.monoMs()];
    this.#ring = new Map(this.#fleet.ring.map((id) => [id, before.get(id) ?? nowMs]));
    for (const id of changed) if (this.#ring.has(id)) this.#ring.set(id, nowMs);
  }

  #takeAnswers(): void {
    const { clock, counted } = this.#options;
    for (const [hostId, answer] of this.#answers) {
      const offer = this.#store.offerOf(hostId);
      // Version 0: it could not even read which.
      const isOfOffer = answer.version === offer?.version || answer.version === 0;
      if (offer?.state !== 'offered' || !isOfOffer) {
        counted('unasked', '');
        // It has settings in force that are not known here any more, because the database was set back amid their trial.
        if (answer.outcome === 'applied') this.#due.add(hostId);
        continue;
      }
      const reason = answer.outcome === 'rejected' ? answer.reason : '';
      const text = answer.outcome === 'rejected' ? cleanText(answer.text, TEXT_LENGTH_MAX) : '';
      const changedMs = clock.wallMs();
      this.#store.putOffer(hostId, { ...offer, state: answer.outcome, reason, text, changedMs });
      counted(answer.outcome, reason);
    }
    this.#answers.clear();
  }

  /** Fills the ring, and decides when all of it has answered. */
  #advance(peers: ConfigPeers): void {
    const { hosts, log } = this.#options;
    const size = Math.max(1, Math.floor(hosts.count * CONFIG_LIMITS.ringRatio));
    const before = this.#ring.size;
    let [rejected, waiting] = [0, 0];
    for (const [hostId, sinceMs] of this.#ring) {
      const offer = this.#offerInForce(hostId);
      if (offer?.state === 'rejected') rejected++;
      if (offer?.state === 'applied' || offer?.state === 'rejected') continue;
      if (this.#isLate(offer, sinceMs)) this.#leaveRing(hostId, offer);
      else if (offer === undefined && !this.#store.isHost(hostId)) this.#ring.delete(hostId);
      else waiting++;
    }
    if (rejected > size * CONFIG_LIMITS.refusedRatioMax) {
      log.warn('settings for all agents are not rolled out: too many of the first refused', { rejected });
      return this.#settle(peers, 'stopped');
    }
    const joined = this.#fillRing(peers, size);
    if (joined || this.#ring.size !== before)
      return this.#save({ ...this.#fleet, ring: [...this.#ring.keys()] });
    if (waiting === 0 && this.#ring.size > 0) {
      log.info('settings for all agents are rolled out', { first: this.#ring.size });
      this.#settle(peers, 'done');
    }
  }

  /** Whether a host of the ring has had its time: to answer, or to be there for an offer. */
  #isLate(offer: Offer | undefined, sinceMs: number): boolean {
    const { clock } = this.#options;
    const spentMs = offer === undefined ? clock.monoMs() - sinceMs : clock.wallMs() - offer.changedMs;
    return spentMs > CONFIG_LIMITS.ringAnswerMs;
  }

  #leaveRing(hostId: string, offer: Offer | undefined): void {
    this.#ring.delete(hostId);
    if (offer === undefined) this.#missing.add(hostId);
    this.#due.add(hostId);
  }

  #fillRing(peers: ConfigPeers, size: number): boolean {
    const before = this.#ring.size;
    for (const hostId of peers.ids()) {
      if (this.#ring.size >= size) break;
      // Whoever was too slow before would be again.
      if (this.#ring.has(hostId) || this.#missing.has(hostId) || this.#isSlow(hostId)) continue;
      if (this.#versionAbove(hostId, peers.versionOf(hostId) ?? 0) === undefined) continue;
      this.#ring.set(hostId, this.#options.clock.monoMs());
      this.#due.add(hostId);
    }
    return this.#ring.size > before;
  }

  /** Has had its time with what is wanted of all, and did not answer. */
  #isSlow(hostId: string): boolean {
    const offer = this.#store.offerOf(hostId);
    if (offer?.state !== 'offered') return false;
    return this.#options.clock.wallMs() - offer.changedMs > CONFIG_LIMITS.ringAnswerMs;
  }

  #settle(peers: ConfigPeers, stage: 'done' | 'stopped'): void {
    const { wanted, released } = this.#fleet;
    for (const hostId of stage === 'done' ? peers.ids() : this.#ring.keys()) this.#due.add(hostId);
    this.#ring.clear();
    this.#save({ ...this.#fleet, stage, released: stage === 'done' ? wanted : released, ring: [] });
  }

  #save(fleet: FleetConfig): void {
    this.#store.saveProgress(fleet);
    this.#fleet = fleet;
  }

  #wantedOf(hostId: string): AgentSettings {
    const { stage, wanted, released } = this.#fleet;
    const ofAll = stage === 'ring' && this.#ring.has(hostId) ? wanted : released;
    return { ...ofAll, ...this.#store.wantedOf(hostId) };
  }

  /** The offer of what is wanted now, undefined while it is to be made. */
  #offerInForce(hostId: string): Offer | undefined {
    const offer = this.#store.offerOf(hostId);
    return offer?.settings === settingsText(this.#wantedOf(hostId)) ? offer : undefined;
  }

  #offerDue(peers: ConfigPeers): void {
    const ids = [...this.#due].slice(0, CONFIG_LIMITS.hostsPerRound);
    if (ids.length === 0) return;
    const offers = this.#store.transaction(() => ids.map((id) => [id, this.#nextOffer(id, peers)] as const));
    for (const id of ids) this.#due.delete(id);
    // Not before it is stored that it was sent.
    for (const [hostId, signed] of offers) {
      if (signed === undefined) continue;
      peers.offer(hostId, signed);
      this.#options.counted('offered', '');
    }
  }

  /** What is to be sent to the host now, undefined for nothing. */
  #nextOffer(hostId: string, peers: ConfigPeers): Buffer | undefined {
    const agentVersion = peers.versionOf(hostId);
    if (agentVersion === undefined) return undefined;
    const wanted = this.#wantedOf(hostId);
    const settings = settingsText(wanted);
    const before = this.#store.offerOf(hostId);
    const nowMs = this.#options.clock.wallMs();
    if (before === undefined && settings === '{}' && agentVersion === 0) return undefined;
    const fresh = { settings, reason: '', text: '', changedMs: nowMs };
    if (before?.settings === settings && before.version >= agentVersion) {
      const { version } = before;
      if (version === agentVersion) {
        if (before.state !== 'applied') this.#store.putOffer(hostId, { ...fresh, version, state: 'applied' });
        return undefined;
      }
      if (before.state === 'rejected') return undefined;
      // It did not hear of it, or was itself set back.
      if (before.state === 'applied') this.#store.putOffer(hostId, { ...fresh, version, state: 'offered' });
      return this.#signed(hostId, version, wanted);
    }
    const version = this.#versionAbove(hostId, agentVersion);
    if (version === undefined) return undefined;
    this.#store.putOffer(hostId, { ...fresh, version, state: 'offered' });
    return this.#signed(hostId, version, wanted);
  }

  /**
   * The version of a new offer, undefined when there is none left: an agent may say that it has any in force.
   * It may be ahead of a database that was set back, and takes only what is above its own.
   */
  #versionAbove(hostId: string, agentVersion: number): number | undefined {
    const before = this.#store.offerOf(hostId);
    const version = Math.max(this.#options.clock.wallMs(), (before?.version ?? 0) + 1, agentVersion + 1);
    return version > CONFIG_VERSION_MAX ? undefined : version;
  }

  #signed(hostId: string, version: number, settings: AgentSettings): Buffer {
    const agentId = Buffer.from(hostId, 'hex');
    return signConfig({ agentId, version, settings }, this.#options.identity);
  }
}
