/**
 * Sends the spool to the collector: feeds the session with what the socket, the spool and the timer report, and does
 * what the session asks for. Everything that decides is in `session.ts`; this is the part with side effects, long because
 * each of them has its lines here.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { LogFields, Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import {
  CONFIG_FEATURE,
  encodeConfigAck,
  type ConfigAnswer,
} from '@rollcall/shared/protocol/agent-config.ts';
import { GAP_REASON } from '@rollcall/shared/protocol/gap.ts';
import {
  encodeFrame,
  FRAME_FLAG_JSON,
  FRAME_HEADER_BYTES,
  MESSAGE,
} from '@rollcall/shared/protocol/frame.ts';
import type { Challenge, Vitals } from '@rollcall/shared/protocol/handshake.ts';
import { ROTATE_FEATURE } from '@rollcall/shared/protocol/key-rotation.ts';
import { SchemaLayouts } from '@rollcall/shared/protocol/layouts.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import {
  CLOSE_CODE,
  encodeBatch,
  encodeBye,
  encodeGenerationAck,
  encodeInventoryHave,
  encodePackedBatch,
} from '@rollcall/shared/protocol/messages.ts';
import { COLUMNS_FEATURE, PACK_FEATURE } from '@rollcall/shared/protocol/pack.ts';
import { Gather } from '../spool/gather.ts';
import type { Spool, SpoolBatch } from '../spool/spool.ts';
import { answerChallenge, type AgentFacts, type Handshake } from './handshake.ts';
import { CONNECTION_ENDED } from './ending.ts';
import type { IdentityStore } from './identity.ts';
import { readMessage, type Rejected } from './incoming.ts';
import { InventorySender, type InventorySource } from './inventory-sender.ts';
import { initialState, step, wakeAtMs } from './session.ts';
import type { Effect, Moment, Phase, SessionEvent, SessionState } from './session-types.ts';
import { Signer } from './signer.ts';
import type { Dial, Socket, SocketEvents } from './socket.ts';
import { VitalsSender } from './vitals-sender.ts';

export interface UplinkOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** That many random bytes. */
  readonly randomBytes: (count: number) => Buffer;
  readonly spool: Spool;
  readonly identity: IdentityStore;
  readonly dial: Dial;
  readonly facts: AgentFacts;
  readonly inventory: InventorySource;
  /** Takes settings of the collector. @default none are taken */
  readonly settings?: SettingsDesk;
  /** Newest readings, null when there are none yet. @default none */
  readonly vitals?: () => Vitals | null;
  /** Least time between sending two new records, while which they gather. @default 0: each at once */
  readonly gatherMs?: number;
  /** Accept a weaker binding to the TLS session than this collector once had. @default false */
  readonly isDowngradeAllowed?: boolean;
}

/** Who judges settings of the collector. */
export interface SettingsDesk {
  /** Of those in force, 0 for none; undefined when none are taken. */
  readonly version: number | undefined;
  /** The body of a CONFIG; nothing about it is known. */
  offered(body: Buffer): void;
  /** Called with the fate of each document, once it is known. */
  onAnswer(listener: (answer: ConfigAnswer) => void): void;
}

export interface UplinkStats {
  readonly phase: Phase;
  /** Sessions that got as far as WELCOME. */
  readonly sessions: number;
  readonly batchesSent: number;
  /** Bytes of their bodies. */
  readonly bytesSent: number;
  /** Wall clock of the current session's WELCOME, undefined while there is none. */
  readonly connectedSinceMs: number | undefined;
  /** Why the last connection ended or could not be made, undefined while there is one and before that. */
  readonly endReason: string | undefined;
  /** Wall clock of the last acknowledgement, undefined before the first one. */
  readonly lastAckMs: number | undefined;
  readonly recordsRejected: number;
  readonly samplesRejected: number;
}

/** How a backlog travels. */
type Packing = 'none' | 'records' | 'columns';

/** A socket, and what belongs to its session alone. */
interface Link {
  readonly socket: Socket;
  handshake: Handshake | undefined;
  /** Monotonic time of HELLO. */
  helloMonoMs: number;
  /** The packed batches that the collector takes. */
  packing: Packing;
  /** Whether the collector takes a new key of ours, and was not offered one yet. */
  isKeyWanted: boolean;
  /** A new key of ours was offered and not answered. */
  isKeyUnderWay: boolean;
  /** Whether the collector wants to hear what becomes of its settings. */
  isConfigHeard: boolean;
  readonly inventory: InventorySender;
  readonly vitals: VitalsSender;
  isWaitingToSend: boolean;
}

/**
 * How much is read to be packed, as a share of the credit. Packing about halves it, columns take a sixth, so that a short
 * backlog leaves in one batch, and not in ever smaller ones that fill the credit up. Where it saves less, a packed batch goes
 * beyond the credit as a single record does: either may start while there is some left.
 */
const READ_AHEAD_RATIO = { none: 1, records: 2, columns: 6 } as const;
/** How long the last bytes get to leave when the agent stops. */
const CLOSE_MS_MAX = 1_000;
const REASON_MAX = 300;
/** Difference of the clocks of agent and collector above which somebody should know. */
const CLOCK_SKEW_MS_MIN = 10_000;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #signer: Signer;
  #state: SessionState;
  /** The socket that the session uses; events of any other are ignored. */
  #link: Link | undefined;
  /** Sockets that have not reported their end yet. */
  readonly #openSockets = new Set<Socket>();
  #queue: SessionEvent[] = [];
  #isWorking = false;
  #isAppendNoted = false;
  readonly #gather: Gather;
  #timer: { readonly handle: Timer; readonly atMs: number } | undefined;
  /** What each message said last, so that it is not said again. */
  readonly #said = new Map<string, unknown>();
  #waiter: { readonly isReached: () => boolean; readonly resolve: () => void } | undefined;
  #stopping: Promise<void> | undefined;
  #connectedSinceMs: number | undefined;
  #endReason: string | undefined;
  #lastAckMs: number | undefined;
  readonly #layouts = new SchemaLayouts();
  /** Became known while nobody listened. One is enough: the collector asks for the newest of its settings only. */
  #unsentAnswer: ConfigAnswer | undefined;
  #stats = { sessions: 0, batchesSent: 0, bytesSent: 0, recordsRejected: 0, samplesRejected: 0 };

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#signer = new Signer(options);
    this.#state = initialState(this.#now());
    const { clock, gatherMs = 0 } = options;
    this.#gather = new Gather({ clock, spanMs: gatherMs, leave: () => this.#noteAppend() });
  }

  /** Connects within 5 s and from then on whenever it can. */
  start(): void {
    const { spool, inventory, settings } = this.#options;
    spool.onAppend(() => this.#gather.come());
    inventory.onChange(() => this.#dispatch({ kind: 'inventoryChanged' }));
    settings?.onAnswer((answer) => this.#answerConfig(answer));
    this.#setTimer();
  }

  /** Sends what is left, at most 5 s, says goodbye and closes. May be called twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  stats(): UplinkStats {
    const { phase } = this.#state;
    const connectedSinceMs = phase === 'LIVE' ? this.#connectedSinceMs : undefined;
    const endReason = phase === 'LIVE' ? undefined : this.#endReason;
    return { phase, connectedSinceMs, endReason, lastAckMs: this.#lastAckMs, ...this.#stats };
  }

  async #stop(): Promise<void> {
    const { clock, spool } = this.#options;
    this.#dispatch({ kind: 'stop' });
    await this.#until(() => this.#state.phase === 'STOPPED');
    spool.onAppend(() => {});
    this.#gather.cancel();
    const timer = clock.setTimer(CLOSE_MS_MAX, () => {
      for (const socket of this.#openSockets) socket.terminate();
      this.#openSockets.clear();
      this.#wakeWaiter();
    });
    await this.#until(() => this.#openSockets.size === 0);
    timer.cancel();
  }

  /** The spool forbids calls from inside its callback, so the session hears of the record right after. */
  #noteAppend(): void {
    if (this.#isAppendNoted) return;
    this.#isAppendNoted = true;
    queueMicrotask(() => {
      this.#isAppendNoted = false;
      const epoch = this.#options.spool.epochs().at(-1);
      if (epoch !== undefined) this.#dispatch({ kind: 'appended', epochId: epoch.id });
      if (this.#state.phase !== 'LIVE') return;
      this.#link?.vitals.sendDue();
      this.#offerKey();
    });
  }

  #now(): Moment {
    const { clock, random } = this.#options;
    return { monoMs: clock.monoMs(), bootMs: clock.bootMs(), random: random() };
  }

  /** Steps the session until nothing follows from `event` any more. */
  #dispatch(event: SessionEvent): void {
    this.#queue.push(event);
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const before = this.#state.phase;
        const { state, effects } = step(this.#state, next, this.#now());
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
        if (before === 'RECONCILE' && state.phase === 'LIVE') this.#noteSession();
      }
    } finally {
      // A bug in one effect must not leave an agent that never sends again.
      this.#isWorking = false;
      this.#setTimer();
      this.#wakeWaiter();
    }
  }

  #noteSession(): void {
    this.#stats.sessions++;
    this.#connectedSinceMs = this.#options.clock.wallMs();
    this.#said.clear();
    this.#options.log.info('connected to the collector');
    this.#offerKey();
    if (this.#unsentAnswer !== undefined) this.#answerConfig(this.#unsentAnswer);
  }

  #answerConfig(answer: ConfigAnswer): void {
    const isHeard = this.#state.phase === 'LIVE' && this.#link?.isConfigHeard === true;
    this.#unsentAnswer = isHeard ? undefined : answer;
    if (isHeard) this.#link?.socket.send(encodeConfigAck(answer));
  }

  /** Once in a session, as soon as the key is due. */
  #offerKey(): void {
    const link = this.#link;
    if (link?.isKeyWanted !== true) return;
    const offer = this.#signer.offer();
    if (offer === undefined) return;
    link.isKeyWanted = false;
    link.isKeyUnderWay = true;
    link.socket.send(offer);
  }

  /** A timer that is due too early only asks again, so it is replaced when it would be too late and not before. */
  #setTimer(): void {
    const { clock } = this.#options;
    const atMs = wakeAtMs(this.#state);
    if (atMs === undefined) {
      this.#timer?.handle.cancel();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return;
    this.#timer?.handle.cancel();
    const handle = clock.setTimer(atMs - clock.monoMs(), () => {
      this.#timer = undefined;
      this.#dispatch({ kind: 'wake' });
    });
    this.#timer = { handle, atMs };
  }

  /** Resolves when `isReached` holds after some event. One caller at a time. */
  #until(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiter = { isReached, resolve };
      this.#wakeWaiter();
    });
  }

  #wakeWaiter(): void {
    if (this.#waiter?.isReached() ?? false) this.#waiter?.resolve();
  }

  #perform(effect: Effect): void {
    const { spool, log } = this.#options;
    switch (effect.kind) {
      case 'dial':
        return this.#dial();
      case 'sendHello':
        return this.#sendHello(effect.challenge);
      case 'acknowledge':
        this.#lastAckMs = this.#options.clock.wallMs();
        return spool.acknowledge(effect.epochId, effect.watermark);
      case 'rotateEpoch':
        log.warn('the histories of agent and collector differ; a new epoch begins', { ...effect });
        return spool.rotateEpoch(effect);
      case 'giveUp':
        return spool.giveUp({ ...effect, reason: GAP_REASON.POISON });
      case 'storeGeneration':
        return this.#storeGeneration(effect);
      case 'sendGenerationAck':
        return this.#link?.socket.send(encodeGenerationAck(effect.generation));
      case 'sendInventoryHave':
        return this.#sendInventoryHave();
      case 'sendInventory':
        return this.#sendInventory(effect.names);
      case 'sendBatch':
        return this.#sendBatch(effect);
      case 'ping':
        return this.#link?.socket.ping();
      case 'sendBye':
        return this.#link?.socket.send(encodeBye(effect.reason));
      case 'close':
        return this.#unlink()?.close(effect.code);
      case 'terminate':
        return this.#unlink()?.terminate();
      case 'report':
        if (effect.message === CONNECTION_ENDED) this.#endReason = String(effect.fields['reason']);
        return this.#report(effect.level, effect.message, effect.fields);
    }
  }

  #unlink(): Socket | undefined {
    const socket = this.#link?.socket;
    this.#link = undefined;
    return socket;
  }

  #dial(): void {
    const ended = (event: SessionEvent): void => {
      this.#openSockets.delete(link.socket);
      const isCurrent = this.#link === link;
      if (isCurrent) this.#link = undefined;
      if (isCurrent) this.#dispatch(event);
      this.#wakeWaiter();
    };
    const ifCurrent = (act: () => void): void => {
      if (this.#link === link) act();
    };
    const events: SocketEvents = {
      opened: () => ifCurrent(() => this.#dispatch({ kind: 'opened' })),
      received: (bytes) => ifCurrent(() => this.#receive(link, bytes)),
      heard: () => ifCurrent(() => this.#dispatch({ kind: 'heard' })),
      drained: () => ifCurrent(() => this.#onDrained(link)),
      refused: (answer) => ended({ kind: 'refused', ...answer }),
      failed: (error) => {
        const text = cleanText(describeError(error), REASON_MAX);
        ended({ kind: 'failed', isCertificate: error.code === 'COLLECTOR_UNTRUSTED', text });
      },
      closed: (code) => {
        const isRefused =
          code === CLOSE_CODE.AUTH_FAILED && this.#link === link && link.handshake !== undefined;
        const hasOtherKey = isRefused && this.#signer.refused();
        ended({ kind: 'closed', code, hasOtherKey, isKeyUnderWay: link.isKeyUnderWay });
      },
    };
    const { dial, clock, spool, vitals = () => null } = this.#options;
    const socket = dial(events);
    const link: Link = {
      socket,
      handshake: undefined,
      helloMonoMs: 0,
      packing: 'none',
      isKeyWanted: false,
      isKeyUnderWay: false,
      isConfigHeard: false,
      inventory: new InventorySender(socket),
      vitals: new VitalsSender({ clock, spool, vitals, socket }),
      isWaitingToSend: false,
    };
    this.#link = link;
    this.#openSockets.add(socket);
  }

  #onDrained(link: Link): void {
    if (link.socket.bufferedBytes > LIMITS.agentSendBufferBytes) return;
    if (!link.isWaitingToSend && !link.inventory.isWaiting) return;
    // The socket was full and took something: the other end reads, however slow the link is.
    this.#dispatch({ kind: 'heard' });
    link.inventory.sendMore();
    if (!link.isWaitingToSend) return;
    link.isWaitingToSend = false;
    this.#dispatch({ kind: 'writable' });
  }

  #receive(link: Link, bytes: Buffer): void {
    const { spool, identity, isDowngradeAllowed = false } = this.#options;
    const { event, reject, complaint, collectorMs, storedKey, config } = readMessage(bytes, {
      spool,
      identity,
      isDowngradeAllowed,
      handshake: link.handshake,
    });
    if (event.kind === 'welcome') {
      link.packing = packingOf(event.features);
      link.isKeyWanted = event.features.includes(ROTATE_FEATURE);
      link.isConfigHeard = event.features.includes(CONFIG_FEATURE);
      this.#signer.welcomed();
    }
    if (collectorMs !== undefined) this.#compareClocks(link, collectorMs);
    if (reject !== undefined) this.#noteReject(reject);
    if (complaint !== undefined)
      this.#report('warn', 'the collector reports an error', { reason: complaint });
    if (storedKey !== undefined) link.isKeyUnderWay = false;
    this.#dispatch(event);
    if (storedKey !== undefined && this.#signer.isStored(storedKey)) this.#dispatch({ kind: 'keyStored' });
    // Nobody who has not proved who it is gets as far as having a signature checked.
    if (config !== undefined && this.#state.phase === 'LIVE') this.#options.settings?.offered(config);
  }

  /** The collector refuses records that are far off its own clock, and whoever reads them is misled before that. */
  #compareClocks(link: Link, collectorMs: number): void {
    const { clock } = this.#options;
    const skewMs = Math.round(clock.wallMs() - collectorMs);
    // The answer was on its way for a part of this time.
    const doubtMs = clock.monoMs() - link.helloMonoMs;
    if (Math.abs(skewMs) < CLOCK_SKEW_MS_MIN + doubtMs) return;
    const reason = `this machine is ${Math.abs(Math.round(skewMs / 1_000))} s ${skewMs > 0 ? 'ahead' : 'behind'}`;
    this.#report('warn', 'the clocks of this machine and of the collector differ', { reason, skewMs });
  }

  #noteReject({ samples, reason, text }: Rejected): void {
    this.#stats.recordsRejected++;
    this.#stats.samplesRejected += samples;
    this.#report('warn', 'the collector rejected a record', { reason, samples, text });
  }

  #sendHello(challenge: Challenge): void {
    const link = this.#link;
    if (link === undefined) return;
    const binding = challenge.binding === 'exporter' ? link.socket.channelBinding() : Buffer.alloc(0);
    if (binding === undefined) {
      const text = 'the collector wants to bind to a TLS session that it does not share with this agent';
      this.#dispatch({ kind: 'violation', code: 'COLLECTOR_UNTRUSTED', text });
      return;
    }
    const { spool, clock, facts, identity } = this.#options;
    const { body, handshake } = answerChallenge(challenge, {
      channelBinding: binding,
      agentNonce: this.#options.randomBytes(challenge.nonce.length),
      spool,
      clock,
      facts,
      identity,
      keys: this.#signer.keys,
      vitals: link.vitals.forHello(),
      configVersion: this.#options.settings?.version,
    });
    link.handshake = handshake;
    link.helloMonoMs = clock.monoMs();
    link.socket.send(encodeFrame({ type: MESSAGE.HELLO, flags: FRAME_FLAG_JSON, body: [body] }));
  }

  #storeGeneration({ generation, storeId }: { readonly generation: number; readonly storeId: string }): void {
    const { identity, log } = this.#options;
    const before = identity.facts();
    const binding = this.#link?.handshake?.binding ?? before.binding;
    let isStored = true;
    try {
      identity.store({ generation, storeId, binding });
    } catch (error) {
      isStored = false;
      log.warn('cannot keep the state of the session', { error: describeError(error) });
    }
    this.#dispatch({ kind: 'generationStored', generation, isStored });
  }

  #sendBatch(wanted: Extract<Effect, { kind: 'sendBatch' }>): void {
    const link = this.#link;
    if (link === undefined) return;
    if (link.socket.bufferedBytes > LIMITS.agentSendBufferBytes) {
      link.isWaitingToSend = true;
      this.#dispatch({ kind: 'blocked' });
      return;
    }
    const { epochId } = wanted;
    const batch = this.#nextBatch(wanted, link.packing);
    if (batch === undefined) {
      this.#dispatch({ kind: 'laneEmpty', epochId });
      return;
    }
    const { frame, nextSeq, isEnd } = batch;
    link.socket.send(frame);
    const bytes = frame.length - FRAME_HEADER_BYTES;
    this.#stats.batchesSent++;
    this.#stats.bytesSent += bytes;
    this.#dispatch({ kind: 'sent', epochId, nextSeq, bytes, isEnd });
  }

  /** A BATCH of what comes next in the lane, the number to continue from and whether there is more; undefined when there is nothing. */
  #nextBatch(
    { epochId, fromSeq, maxBytes }: Extract<Effect, { kind: 'sendBatch' }>,
    packing: Packing,
  ): { readonly frame: Buffer; readonly nextSeq: number; readonly isEnd: boolean } | undefined {
    const read = (bytesMax: number) =>
      this.#options.spool.read(epochId, fromSeq, { maxBytes: bytesMax, maxRecords: LIMITS.recordsPerBatch });
    let batch = read(Math.min(LIMITS.batchTargetBytes, maxBytes * READ_AHEAD_RATIO[packing]));
    this.#layouts.learn(epochId, batch.records);
    const packed = this.#packed(batch, packing);
    if (packed !== undefined) return { frame: packed, nextSeq: batch.nextSeq, isEnd: batch.isEnd };
    // As they are, no record may start beyond the credit.
    if (sizeOf(batch.records) > maxBytes) batch = read(maxBytes);
    if (batch.records.length === 0) return undefined;
    const { nextSeq, isEnd } = batch;
    return { frame: encodeBatch(epochId, batch.records), nextSeq, isEnd };
  }

  /** Undefined where the collector takes no packed batches, or these records are better sent as they are. */
  #packed({ epochId, records }: SpoolBatch, packing: Packing): Buffer | undefined {
    if (packing === 'none') return undefined;
    const columns = packing === 'columns' ? encodePackedBatch(epochId, records, this.#layouts) : undefined;
    return columns ?? encodePackedBatch(epochId, records);
  }

  /** Before the first reading there is nothing to say; the change that it brings is told then. */
  #sendInventoryHave(): void {
    const sections = this.#options.inventory.sections();
    if (sections.length === 0) return;
    this.#link?.socket.send(encodeInventoryHave(new Map(sections.map(({ name, hash }) => [name, hash]))));
  }

  #sendInventory(names: readonly string[]): void {
    const sections = this.#options.inventory.sections();
    this.#link?.inventory.send(sections.filter(({ name }) => names.includes(name)));
  }

  /** Says the same thing once; what is repeated stays visible at level debug. */
  #report(level: 'info' | 'warn' | 'error', message: string, fields: LogFields): void {
    // What has no reason is news as well, when it was not said yet.
    const isRepeated = this.#said.has(message) && this.#said.get(message) === fields['reason'];
    this.#said.set(message, fields['reason']);
    this.#options.log[isRepeated ? 'debug' : level](message, fields);
  }
}

function packingOf(features: readonly string[]): Packing {
  if (features.includes(COLUMNS_FEATURE)) return 'columns';
  return features.includes(PACK_FEATURE) ? 'records' : 'none';
}

function sizeOf(records: readonly Buffer[]): number {
  return records.reduce((bytes, { length }) => bytes + length, 0);
}
