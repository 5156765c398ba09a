/**
 * One agent's socket: turns what it sends into events of the session machine and carries out the effects. Whatever
 * goes wrong here ends this connection and no other one. Long, because it is one list: what each effect means.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RawData } from 'ws';
import { CONFIG_FEATURE, encodeConfig } from '@rollcall/shared/protocol/agent-config.ts';
import { AppError, describeError, systemErrorCode, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { decodeFrame } from '@rollcall/shared/protocol/frame.ts';
import type { Hello, Vitals } from '@rollcall/shared/protocol/handshake.ts';
import { NONCE_BYTES } from '@rollcall/shared/protocol/identity.ts';
import { encodeKeyOk } from '@rollcall/shared/protocol/key-rotation.ts';
import {
  closeCodeOf,
  encodeAck,
  encodeError,
  encodeGoaway,
  encodeInventoryNeed,
  encodeReject,
} from '@rollcall/shared/protocol/messages.ts';
import type { InventoryPeer } from '../fleet/inventory-intake.ts';
import type { BootReading } from '../journal/boot-time.ts';
import type { JournalSession, JournalSessionEvents } from '../journal/journal.ts';
import { admitRecords } from './admit.ts';
import { SOCKET_ERRORS } from './counters.ts';
import { challengeFrame, welcomeFrame } from './handshake.ts';
import { noteKeyOfLogin, storeOffer } from './new-key.ts';
import type { Peer, PeerSocket } from './peer.ts';
import {
  isAtRest,
  openSession,
  step,
  type Session,
  type SessionEffect,
  type SessionEvent,
} from './session.ts';
import type { GatewayShared } from './shared.ts';
import { SLICE_LIMITS } from './slices.ts';

/** Bytes that may wait in our socket for an agent that does not read; all we send is small. */
const SEND_BUFFER_BYTES_MAX = 256 * 1024;
const CLOSE_NORMAL = 1000;
/** Of a masked frame with at most 125 bytes (RFC 6455 section 5.2). */
const CONTROL_HEADER_BYTES = 6;

/** What is needed from HELLO until WELCOME is sent. */
interface Login {
  readonly hello: Hello;
  readonly bootReading: BootReading | undefined;
  readonly mustRotateEpoch: boolean;
}

export class Connection implements InventoryPeer {
  readonly #shared: GatewayShared;
  readonly #webSocket: PeerSocket;
  readonly #socket: Duplex;
  readonly #address: string;
  readonly #channelBinding: Buffer;
  #collectorNonce: Buffer;
  #session: Session;
  #login: Login | undefined;
  /** When the machine was started, by what it said at login and the collector's clock. */
  #bootedMs: number | null = null;
  #agentId = '';
  #journal: JournalSession | undefined;
  #hasSaidBye = false;
  #heardMonoMs: number;
  readonly #askedMonoMs: number;
  /** Bytes of the socket that belong to whole messages, and since when there are more. */
  #wholeBytes = 0;
  #unfinishedSinceMonoMs: number | undefined;
  readonly #events: SessionEvent[] = [];
  #isRunning = false;
  #isPaused = false;
  #configVersion: number | undefined;

  constructor(shared: GatewayShared, peer: Peer) {
    this.#shared = shared;
    this.#webSocket = peer.webSocket;
    this.#socket = peer.socket;
    this.#address = peer.address;
    this.#channelBinding = peer.channelBinding;
    this.#collectorNonce = shared.randomBytes(NONCE_BYTES);
    this.#heardMonoMs = shared.clock.monoMs();
    this.#session = openSession(this.#heardMonoMs);
    this.#askedMonoMs = this.#heardMonoMs;
    const { webSocket } = peer;
    webSocket.on('message', (data, isBinary) => this.#guarded(() => this.#onMessage(data, isBinary)));
    webSocket.on('ping', (data) => this.#guarded(() => this.#onControl(data)));
    webSocket.on('pong', (data) => this.#guarded(() => this.#onControl(data)));
    webSocket.on('error', (error) => this.#onSocketError(error));
    webSocket.on('close', () => shared.slices.run(this, () => this.dispatch({ kind: 'socketClosed' })));
    this.#send(challengeFrame(shared.identity, this.#collectorNonce, this.#channelBinding));
  }

  /** Empty before the peer has proved who it is. */
  get agentId(): string {
    return this.#agentId;
  }

  get isOpen(): boolean {
    const { kind } = this.#session;
    return kind === 'greeted' || kind === 'live' || kind === 'throttled';
  }

  /** Of the settings that the agent has in force, 0 for none; undefined when it takes none, or is not there. */
  get configVersion(): number | undefined {
    return this.isOpen ? this.#configVersion : undefined;
  }

  /** @param signed body of CONFIG */
  offerConfig(signed: Buffer): void {
    if (this.isOpen) this.#send(encodeConfig(signed));
  }

  /** Feeds an event to the session. Events that arise meanwhile wait for their turn. */
  dispatch(event: SessionEvent): void {
    if (this.#isRunning) {
      this.#events.push(event);
      return;
    }
    this.#isRunning = true;
    try {
      this.#run(event);
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#run(next);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Looks at the time; for once a second. */
  tick(nowMonoMs: number): void {
    if (this.#session.kind === 'closing') return;
    const receivedBytes = this.#receivedBytes();
    if (receivedBytes > this.#wholeBytes) this.#unfinishedSinceMonoMs ??= nowMonoMs;
    else this.#unfinishedSinceMonoMs = undefined;
    const silentMs = nowMonoMs - this.#heardMonoMs;
    if (this.#unfinishedSinceMonoMs === undefined && isAtRest(this.#session, silentMs)) return;
    this.dispatch({
      kind: 'tick',
      silentMs,
      unfinishedMs: nowMonoMs - (this.#unfinishedSinceMonoMs ?? nowMonoMs),
      windowBytes: this.#shared.tickWindowBytes(this),
    });
  }

  /** Tells the agent that its credit is larger now. */
  beginTurn(): void {
    const windowBytes = this.#shared.windowBytes(this);
    this.dispatch({ kind: 'tick', silentMs: 0, unfinishedMs: 0, windowBytes });
  }

  /** Gives up on a peer that does not answer our close. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  need(names: readonly string[]): void {
    if (this.isOpen) this.#send(encodeInventoryNeed(names));
  }

  refused(error: AppError): void {
    this.dispatch({ kind: 'end', code: error.code, text: error.message });
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#onHeard();
    this.#wholeBytes = this.#receivedBytes();
    this.#unfinishedSinceMonoMs = undefined;
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.dispatch({ kind: 'end', code: 'PROTOCOL_ERROR', text: 'text messages are not allowed' });
      return;
    }
    this.#inTurn(() => this.#orEnd(() => this.dispatch({ kind: 'frame', frame: decodeFrame(data) })));
  }

  /** Does what a message asks for when it is its turn. The socket is read on when not too much of it waits. */
  #inTurn(work: () => void): void {
    const { slices } = this.#shared;
    slices.run(this, () => {
      this.#guarded(work);
      if (!this.#isPaused || slices.waitingOf(this) > 0) return;
      this.#isPaused = false;
      this.#webSocket.resume?.();
    });
    if (this.#isPaused || slices.waitingOf(this) < SLICE_LIMITS.waitingPerAgent) return;
    this.#isPaused = true;
    this.#webSocket.pause?.();
  }

  /** A ping or pong may come amid a message, and does not end it. */
  #onControl(data: Buffer): void {
    this.#onHeard();
    this.#wholeBytes += CONTROL_HEADER_BYTES + data.length;
  }

  #onHeard(): void {
    this.#heardMonoMs = this.#shared.clock.monoMs();
    if (this.isOpen) this.#shared.presence.heard(this.#agentId);
  }

  /**
   * ws has sent its own close code by now: 1009 too large, 1008 too many fragments, 1002 or 1007 malformed. It reads
   * nothing more, and `close` follows.
   */
  #onSocketError(error: Error): void {
    const code = systemErrorCode(error) ?? '';
    this.#shared.counters.count('socket_errors_total', SOCKET_ERRORS.has(code) ? code : 'other');
  }

  #run(event: SessionEvent): void {
    const pendingBefore = pendingBytesOf(this.#session);
    const { session, effects } = step(this.#session, event, this.#shared.clock.monoMs());
    this.#session = session;
    this.#shared.addPendingBytes(pendingBytesOf(session) - pendingBefore);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SessionEffect): void {
    const { clock, presence, hosts, intake, configs } = this.#shared;
    switch (effect.kind) {
      case 'judgeHello':
        return this.#orEnd(() => this.#judgeHello(effect.body));
      case 'fence':
        this.#shared.takeOver(this);
        return this.dispatch({ kind: 'fenced' });
      case 'openJournal':
        return void this.#openJournal().catch((error: unknown) => this.#fail(error));
      case 'welcome':
        return this.#welcome(effect);
      case 'apply':
        return this.#apply(effect);
      case 'ack':
        return this.#send(encodeAck(effect.ack));
      case 'confirmGeneration':
        hosts.setGeneration(this.#agentId, effect.generation);
        return hosts.finishRestore(this.#agentId);
      case 'keyNext':
        return this.#orEnd(() => {
          const host = hosts.get(this.#agentId);
          if (host === undefined) return;
          if (storeOffer(this.#shared, host, effect.offer)) this.#send(encodeKeyOk(effect.offer.publicKey));
        });
      case 'configAnswer':
        if (effect.answer.outcome === 'applied' && this.#configVersion !== undefined) {
          this.#configVersion = effect.answer.version;
        }
        return configs.answered(this.#agentId, effect.answer);
      case 'vitals':
        return this.#announce(effect.vitals);
      case 'inventoryHave':
        return intake.have(this, effect.hashes, clock.monoMs());
      case 'inventoryChunk':
        return this.#orEnd(() => intake.chunk(this, effect.chunk, clock.monoMs()));
      case 'ping':
        return this.#ping();
      case 'goaway':
        return this.#sayWhenToReturn('DRAINING');
      case 'farewell':
        this.#hasSaidBye = true;
        this.#releaseJournal();
        presence.bye(this.#agentId, effect.reason);
        return this.#webSocket.close(CLOSE_NORMAL, 'bye');
      case 'end':
        return this.#end(effect.code, effect.text);
      case 'release':
        this.#releaseJournal();
        return this.#shared.released(this, this.#hasSaidBye);
    }
  }

  #judgeHello(body: Buffer): void {
    const { judge, hosts, counters, log, presence } = this.#shared;
    const verdict = judge.judge(body, {
      collectorNonce: this.#collectorNonce,
      channelBinding: this.#channelBinding,
    });
    if (verdict.kind === 'refused') {
      if (verdict.agentId !== undefined) this.#noteConflict(verdict.agentId);
      return this.dispatch({ kind: 'end', code: verdict.code, text: verdict.text });
    }
    const { agentId, host, key, hello } = verdict;
    const epochIds = hello.epochs.map(({ id }) => id);
    if (!this.#shared.epochRate.admit(agentId, epochIds, this.#shared.clock.monoMs())) {
      // Asked to wait, but there: it proved who it is, and comes again within the silence that presence allows.
      presence.heard(agentId);
      const text = 'too many new epochs; the spool of this agent begins anew all the time';
      return this.dispatch({ kind: 'end', code: 'SLOW_DOWN', text });
    }
    if (verdict.generation !== 'expected') {
      counters.count('generations_total', verdict.generation);
      log.warn('agent has an unexpected generation', { agentId, verdict: verdict.generation });
    }
    noteKeyOfLogin(this.#shared, host, key);
    this.#agentId = agentId;
    this.#login = { hello, bootReading: this.#bootReading(hello), mustRotateEpoch: verdict.mustRotateEpoch };
    hosts.setGeneration(agentId, hello.generation);
    hosts.recordLogin(agentId, hello);
    return this.dispatch({ kind: 'helloAccepted', offeredGeneration: hello.generation + 1 });
  }

  /** Between our CHALLENGE and its answer the agent looked at its boot clock. */
  #bootReading({ bootId, upMs }: Hello): BootReading | undefined {
    // Without an id nobody can tell in which boot its records were taken.
    if (bootId === '') return undefined;
    const answeredMonoMs = this.#shared.clock.monoMs();
    return { bootId, bootMs: upMs, askedMonoMs: this.#askedMonoMs, answeredMonoMs };
  }

  /**
   * An agent that has used up its credit has a backlog; the new credit then depends on whose turn it is. One that has credit
   * left, and nothing on its way to the disk, has sent everything: ten thousand short backlogs must not wait for silence.
   */
  #committed(epochId: string, watermark: number): void {
    const { turns, clock } = this.#shared;
    const isExhausted = this.#session.kind === 'throttled';
    if (isExhausted) turns.want(this, clock.monoMs());
    this.dispatch({ kind: 'committed', epochId, watermark, windowBytes: this.#shared.windowBytes(this) });
    if (!isExhausted && pendingBytesOf(this.#session) === 0) turns.finish(this);
    this.#shared.advanceTurns();
  }

  #noteConflict(agentId: string): void {
    const { hosts, counters, log } = this.#shared;
    counters.count('generations_total', 'behind');
    // Logged when it begins; the other machine may try for ever.
    if (hosts.get(agentId)?.conflictMs === null) {
      log.error('key of an agent is in use on two machines', { agentId, address: this.#address });
    }
    hosts.flagConflict(agentId);
  }

  async #openJournal(): Promise<void> {
    const events: JournalSessionEvents = {
      committed: (epochId, watermark) => this.#committed(epochId, watermark),
      failed: (text) => {
        this.#shared.journalFailed();
        this.dispatch({ kind: 'end', code: 'STORAGE_UNAVAILABLE', text });
      },
    };
    const epochs = this.#login?.hello.epochs ?? [];
    const bootReading = this.#login?.bootReading;
    try {
      const session = await this.#shared.journal.openSession(
        { agentId: this.#agentId, epochs, bootReading },
        events,
      );
      // The peer may have gone, or been taken over, in the meantime.
      if (this.#session.kind !== 'fencing') return session.close();
      this.#journal = session;
      const windowBytes = this.#shared.windowBytes(this);
      return this.dispatch({ kind: 'journalOpened', marks: session.marks, windowBytes });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return this.dispatch({ kind: 'end', code: error.code, text: error.message });
    }
  }

  #welcome(effect: Extract<SessionEffect, { kind: 'welcome' }>): void {
    const { identity, journal, clock, presence, counters, configs } = this.#shared;
    const login = this.#login;
    if (login === undefined) return;
    const welcome = welcomeFrame(login.hello, {
      identity,
      collectorNonce: this.#collectorNonce,
      channelBinding: this.#channelBinding,
      storeId: journal.storeId,
      wallMs: clock.wallMs(),
      marks: effect.marks,
      creditLimit: effect.creditLimit,
      mustRotateEpoch: login.mustRotateEpoch,
    });
    // Ten thousand idle connections need neither of them again.
    this.#login = undefined;
    this.#configVersion = login.hello.features.includes(CONFIG_FEATURE)
      ? (login.hello.configVersion ?? 0)
      : undefined;
    this.#collectorNonce = Buffer.alloc(0);
    this.#send(welcome);
    counters.count('sessions_total', '');
    presence.welcomed(this.#agentId, login.hello.upMs);
    if (this.#configVersion !== undefined) configs.joined(this.#agentId, this.#configVersion);
    const { upMs } = login.hello;
    this.#bootedMs = upMs > 0 ? clock.wallMs() - upMs : null;
    if (login.hello.vitals !== null) this.#announce(login.hello.vitals);
  }

  #announce(newest: Vitals): void {
    const { vitals, clock } = this.#shared;
    vitals.announced(this.#agentId, newest, { receivedMs: clock.wallMs(), bootedMs: this.#bootedMs });
  }

  #apply(effect: Extract<SessionEffect, { kind: 'apply' }>): void {
    const { counters } = this.#shared;
    if (this.#journal === undefined) return;
    const { epochId, bodyBytes } = effect;
    counters.count('batches_total', '');
    counters.count('batch_bytes_total', '', bodyBytes);
    const { waitsSeq, hasDuplicates, rejects, refusal } = admitRecords(this.#journal, effect, counters);
    for (const reject of rejects) this.#send(encodeReject(reject));
    this.#shared.turns.spend(this, bodyBytes, this.#shared.clock.monoMs());
    const windowBytes = this.#shared.windowBytes(this);
    this.dispatch({ kind: 'applied', epochId, bodyBytes, waitsSeq, hasDuplicates, windowBytes });
    if (refusal !== undefined) this.dispatch({ kind: 'end', ...refusal });
  }

  #end(code: ErrorCode, text: string): void {
    this.#shared.counters.count('session_ends_total', code);
    this.#releaseJournal();
    this.#shared.log.debug('agent session ended', {
      agentId: this.#agentId,
      address: this.#address,
      code,
      text,
    });
    this.#sayWhenToReturn(code);
    this.#send(encodeError(code, text));
    this.#webSocket.close(closeCodeOf(code), code);
  }

  #sayWhenToReturn(code: ErrorCode): void {
    const window = this.#shared.returnWindow(closeCodeOf(code));
    if (window !== undefined) this.#send(encodeGoaway(code, window));
  }

  /** Bad input ends the session with its code. */
  #orEnd(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.refused(error);
    }
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A bug of ours, met by what this peer sent: it loses its connection, nobody else does. */
  #fail(error: unknown): void {
    this.#events.length = 0;
    this.#shared.log.error('agent session failed', { agentId: this.#agentId, error: describeError(error) });
    this.#shared.addPendingBytes(-pendingBytesOf(this.#session));
    this.#session = { kind: 'closing' };
    this.#webSocket.terminate();
    this.#releaseJournal();
  }

  #ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  #send(bytes: Buffer): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return;
    webSocket.send(bytes);
    if (webSocket.bufferedAmount <= SEND_BUFFER_BYTES_MAX) return;
    this.#shared.counters.count('session_ends_total', 'TOO_SLOW');
    webSocket.terminate();
  }

  #releaseJournal(): void {
    const journal = this.#journal;
    this.#journal = undefined;
    journal?.close();
    this.#shared.intake.left(this, this.#shared.clock.monoMs());
  }

  #receivedBytes(): number {
    return this.#socket instanceof Socket ? this.#socket.bytesRead : 0;
  }
}

function pendingBytesOf(session: Session): number {
  return 'credit' in session ? session.credit.pendingBytes : 0;
}
