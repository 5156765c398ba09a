/**
 * Settings that the collector sends: verified, tried for a minute, and kept, or given up for those before.
 *
 *   CURRENT(v) ─ offered v′ > v: signed, in bounds, stored as a trial ─► TRIAL(v′) ─ a minute goes well, stored ─► CURRENT(v′)
 *                                                                       └ readings are missed ─► CURRENT(v), rejected
 *
 * A process that ends amid a trial starts with CURRENT(v) and is offered v′ again, TRIES_MAX times in all: settings that kill
 * an agent do so no more often. What was refused, and what is older than it, is refused again without a trial. What is stored is the signed document itself, so a file that somebody changed counts for
 * nothing. docs/decisions/0087-settings-from-the-collector.md
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import {
  openConfig,
  type AgentSettings,
  type ConfigAnswer,
  type ConfigDocument,
  type ConfigRefusal,
} from '@rollcall/shared/protocol/agent-config.ts';

/** How long settings are tried. */
export const TRIAL_MS = 60_000;
/** A look that comes so late was held up by a machine that stood still; what it missed says nothing about the settings. */
const STANDSTILL_MS = 30_000;
/** Trials of one document that may end with their process. */
const TRIES_MAX = 3;

/** What is kept on the disk, as a whole. Documents are as they came: signature and JSON. */
export interface StoredConfig {
  readonly current: Buffer | null;
  readonly trial: { readonly signed: Buffer; readonly tries: number } | null;
  /** The newest that was given up: it and older ones are not tried again, whoever keeps sending them. */
  readonly refused: { readonly signed: Buffer; readonly refusal: Refusal } | null;
}

export type Refusal = Extract<ConfigAnswer, { outcome: 'rejected' }>;

export interface ConfigStore {
  read(): StoredConfig;
  /**
   * Keeps all of it durably, or leaves what was there.
   * @throws AppError DATA_DIR_UNUSABLE
   */
  write(stored: StoredConfig): void;
}

/** Ticks since the start, as the scheduler counts them. */
export interface TickFigures {
  readonly due: number;
  readonly taken: number;
  readonly missed: { readonly overrun: number; readonly no_storage: number };
}

export interface RemoteConfigOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly agentId: Buffer;
  /** One of them must have signed. */
  readonly collectorKeys: readonly Buffer[];
  /** False: nothing is taken, and what is stored counts for nothing. */
  readonly isAllowed: boolean;
  readonly store: ConfigStore;
  /** Makes these the settings; must not throw. */
  readonly apply: (settings: AgentSettings) => void;
  readonly ticks: () => TickFigures;
  /** Told of what came into force and of what was tried in vain; may throw. */
  readonly note: (answer: ConfigAnswer) => void;
}

interface Signed {
  readonly bytes: Buffer;
  readonly document: ConfigDocument;
}

interface Refused extends Signed {
  readonly refusal: Refusal;
}

interface Trial extends Signed {
  readonly timer: Timer;
  readonly sinceMonoMs: number;
  readonly before: TickFigures;
}

export class RemoteConfig {
  readonly #options: RemoteConfigOptions;
  #current: Signed | undefined;
  #trial: Trial | undefined;
  /** Of the document that is or was tried last and is still stored as a trial. */
  #tries: { readonly bytes: Buffer; readonly count: number } | undefined;
  #refused: Refused | undefined;
  #listener: (answer: ConfigAnswer) => void = () => {};

  constructor(options: RemoteConfigOptions) {
    this.#options = options;
    if (!options.isAllowed) return;
    const { current, trial, refused } = options.store.read();
    this.#current = current === null ? undefined : this.#opened(current);
    if (trial !== null) this.#tries = { bytes: trial.signed, count: trial.tries };
    const opened = refused === null ? undefined : this.#opened(refused.signed);
    if (refused !== null && opened !== undefined) this.#refused = { ...opened, refusal: refused.refusal };
  }

  /** Of the settings that are in force for good, 0 for none; undefined when none are taken. */
  get version(): number | undefined {
    return this.#options.isAllowed ? (this.#current?.document.version ?? 0) : undefined;
  }

  /** What holds now, a trial included. */
  get settings(): AgentSettings {
    return (this.#trial ?? this.#current)?.document.settings ?? {};
  }

  /** The version that is tried at the moment. */
  get trialVersion(): number | undefined {
    return this.#trial?.document.version;
  }

  /** Called with the fate of each document, once it is known. One listener. */
  onAnswer(listener: (answer: ConfigAnswer) => void): void {
    this.#listener = listener;
  }

  /** The body of a CONFIG, whoever sent it. It is copied where it is kept. */
  offered(body: Buffer): void {
    const { isAllowed, agentId, collectorKeys } = this.#options;
    if (!isAllowed) return this.#refuse(0, 'forbidden', 'remote-config is false on this machine');
    const opened = openConfig(body, { agentId, collectorKeys });
    if (opened.kind === 'flaw') return this.#refuse(opened.version, opened.flaw, opened.text);
    const { document } = opened;
    const { version } = document;
    const current = this.#current;
    // The collector did not hear the answer.
    if (current?.bytes.equals(body) === true) return this.#listener({ outcome: 'applied', version });
    const inForce = current?.document.version ?? 0;
    if (version <= inForce) return this.#refuse(version, 'stale', `version ${inForce} is in force`);
    if (this.#trial?.bytes.equals(body) === true) return;
    const refused = this.#refused;
    // Whoever can pass documents on could have them tried for ever.
    if (refused?.bytes.equals(body) === true) return this.#listener(refused.refusal);
    const refusedVersion = refused?.document.version ?? 0;
    if (version <= refusedVersion)
      return this.#refuse(version, 'stale', `version ${refusedVersion} was refused`);
    this.#try({ bytes: Buffer.from(body), document });
  }

  /** Ends a trial without a verdict. */
  stop(): void {
    this.#trial?.timer.cancel();
  }

  #opened(bytes: Buffer): Signed | undefined {
    const { agentId, collectorKeys, log } = this.#options;
    const opened = openConfig(bytes, { agentId, collectorKeys });
    if (opened.kind === 'document') return { bytes, document: opened.document };
    log.warn('stored settings of the collector are not used', { reason: opened.text });
    return undefined;
  }

  #try(signed: Signed): void {
    const { log, apply } = this.#options;
    const { version, settings } = signed.document;
    const count = this.#tries?.bytes.equals(signed.bytes) === true ? this.#tries.count : 0;
    if (count >= TRIES_MAX) {
      const text = `the agent ended ${count} times while it tried them`;
      this.#giveUp(signed, { outcome: 'rejected', version, reason: 'interrupted', text });
      return this.#refuse(version, 'interrupted', text);
    }
    this.#trial?.timer.cancel();
    const tries = count + 1;
    if (!this.#keep({ trial: { signed: signed.bytes, tries } })) {
      return this.#revert(signed, 'storage', 'the disk does not take them');
    }
    this.#tries = { bytes: signed.bytes, count: tries };
    log.info('settings of the collector are tried', { version, settings });
    this.#look(signed);
    apply(settings);
  }

  #look(signed: Signed): void {
    const { clock, ticks } = this.#options;
    const timer = clock.setTimer(TRIAL_MS, () => this.#judge());
    this.#trial = { ...signed, timer, sinceMonoMs: clock.monoMs(), before: ticks() };
  }

  #judge(): void {
    const trial = this.#trial;
    if (trial === undefined) return;
    const { clock, ticks, log } = this.#options;
    const { bytes, document, sinceMonoMs, before } = trial;
    const { version } = document;
    if (clock.monoMs() - sinceMonoMs > TRIAL_MS + STANDSTILL_MS) return this.#look(trial);
    const now = ticks();
    const due = now.due - before.due;
    const taken = now.taken - before.taken;
    const missed =
      now.missed.overrun - before.missed.overrun + now.missed.no_storage - before.missed.no_storage;
    // With a long interval nothing may have been due.
    if ((taken === 0 && due > 0) || missed > taken) {
      return this.#revert(trial, 'health', `${taken} readings were taken with them and ${missed} missed`);
    }
    if (!this.#store({ current: bytes, trial: null, refused: null })) {
      return this.#revert(trial, 'storage', 'the disk does not take them');
    }
    this.#current = { bytes, document };
    this.#trial = undefined;
    this.#tries = undefined;
    this.#refused = undefined;
    log.info('settings of the collector are in force', { version });
    this.#tell({ outcome: 'applied', version });
  }

  /** Back to what was in force. */
  #revert(signed: Signed, reason: ConfigRefusal, text: string): void {
    const { apply } = this.#options;
    const { version } = signed.document;
    const refusal: Refusal = { outcome: 'rejected', version, reason, text };
    this.#trial = undefined;
    this.#giveUp(signed, refusal);
    apply(this.settings);
    this.#options.log.warn('settings of the collector were given up', { version, reason, text });
    this.#tell(refusal);
  }

  /** Remembers that the document is not to be tried again. */
  #giveUp({ bytes, document }: Signed, refusal: Refusal): void {
    this.#tries = undefined;
    this.#refused = { bytes, document, refusal };
    // When this fails a start finds the trial and does not use it, or finds what is as well signed and newer.
    this.#keep({ trial: null });
  }

  /** Nothing has changed. */
  #refuse(version: number, reason: ConfigRefusal, text: string): void {
    this.#options.log.warn('settings of the collector were refused', { version, reason, text });
    this.#listener({ outcome: 'rejected', version, reason, text });
  }

  #tell(answer: ConfigAnswer): void {
    const { note, log } = this.#options;
    try {
      note(answer);
    } catch (error) {
      log.warn('cannot note what became of settings', { error: describeError(error) });
    }
    this.#listener(answer);
  }

  /** Stores this trial beside what is in force and what was refused. */
  #keep({ trial }: Pick<StoredConfig, 'trial'>): boolean {
    const refused =
      this.#refused === undefined ? null : { signed: this.#refused.bytes, refusal: this.#refused.refusal };
    return this.#store({ current: this.#current?.bytes ?? null, trial, refused });
  }

  #store(stored: StoredConfig): boolean {
    const { store, log } = this.#options;
    try {
      store.write(stored);
      return true;
    } catch (error) {
      log.warn('cannot keep the settings of the collector', { error: describeError(error) });
      return false;
    }
  }
}
