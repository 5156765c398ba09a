/**
 * The simulated network between agents and the collector: whole messages with delays, in order, that a fault may hold
 * back, lose together with their connection, or double. Long, because its parts know each other well.
 */
import { EventEmitter } from 'node:events';
import { PassThrough, type Duplex } from 'node:stream';
import type { Socket, SocketEvents } from '../../agent/src/link/socket.ts';
import type { Gateway } from '../../collector/src/gateway/gateway.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Process } from './machine.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

const ABNORMAL_CLOSE = 1006;
/** The state of a WebSocket that does not take anything any more. */
const CLOSING = 2;
/** How long an end waits for the other one's answer to its close. */
const CLOSE_MS_MAX = 5_000;
const RETRY_AFTER_MS = 2_000;

/** The way between one machine and the collector. */
export interface Path {
  /** New connections fail at once, and there are no old ones. */
  isCut: boolean;
  /** Messages wait until the path is clear again, or their connection is given up. */
  isUpClogged: boolean;
  isDownClogged: boolean;
  delayMsMax: number;
  /** Probability that a message of the agent arrives twice. */
  doubled: number;
}

export function clearPath(): Path {
  return {
    isCut: false,
    isUpClogged: false,
    isDownClogged: false,
    delayMsMax: 20,
    doubled: 0,
  };
}

/** What the world watches. */
export interface Tap {
  sentByAgent(line: Line, bytes: Buffer): void;
  reachedCollector(line: Line, bytes: Buffer): void;
  /** A ping of the agent, or its answer to one. */
  controlReachedCollector(line: Line): void;
  sentByCollector(line: Line, bytes: Buffer): void;
  reachedAgent(line: Line, bytes: Buffer): void;
}

/** Who listens at the moment. */
export interface Listener {
  readonly process: Process;
  readonly gateway: Gateway;
}

export class Network {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly tap: Tap;
  listener: Listener | undefined;
  readonly #lines = new Set<Line>();

  constructor(options: { readonly timeline: Timeline; readonly random: Random; readonly tap: Tap }) {
    this.timeline = options.timeline;
    this.random = options.random;
    this.tap = options.tap;
  }

  /** The port that an agent gets. */
  dial(peer: {
    readonly process: Process;
    readonly path: Path;
    readonly name: string;
  }): (events: SocketEvents) => Socket {
    return (events) => {
      const line = new Line(this, peer, events);
      this.#lines.add(line);
      return line.agentEnd;
    };
  }

  forget(line: Line): void {
    this.#lines.delete(line);
  }

  /** The operating system of a process that died tells its peers, as far as they can be reached. */
  processDied(process: Process): void {
    for (const line of this.#lines) line.processDied(process);
  }

  /** The machine vanished: nobody is told. */
  machineLost(process: Process): void {
    for (const line of this.#lines) line.abandon(process);
  }

  /** Every connection of the path breaks, with what is under way; each end learns of it when `isTold`. */
  cut(path: Path, isTold: boolean): void {
    for (const line of this.#lines) if (line.path === path) line.cut(isTold);
  }

  /** The agent loses its connection, but what it sent is still under way and the collector is not told. */
  straggle(path: Path, forMs: number): void {
    for (const line of this.#lines) if (line.path === path) line.straggle(forMs);
  }

  /** Lets go what was held back. */
  cleared(path: Path): void {
    for (const line of this.#lines) if (line.path === path) line.flush();
  }
}

/** One direction of a connection. */
class Channel {
  readonly #network: Network;
  readonly #path: Path;
  readonly #isClogged: () => boolean;
  readonly #receiver: () => Process | undefined;
  #held: { readonly bytes: number; readonly deliver: () => void }[] = [];
  #lastMs = 0;
  #isBroken = false;
  #lateMs = 0;
  bufferedBytes = 0;

  constructor(
    network: Network,
    options: {
      readonly path: Path;
      readonly isClogged: () => boolean;
      readonly receiver: () => Process | undefined;
    },
  ) {
    this.#network = network;
    this.#path = options.path;
    this.#isClogged = options.isClogged;
    this.#receiver = options.receiver;
  }

  send(bytes: number, deliver: () => void): void {
    if (this.#isBroken) return;
    if (this.#isClogged() || this.#held.length > 0) {
      this.#held.push({ bytes, deliver });
      this.bufferedBytes += bytes;
      return;
    }
    const { timeline, random } = this.#network;
    this.#lastMs = Math.max(
      this.#lastMs + 0.001,
      timeline.nowMs + 0.1 + random.next() * this.#path.delayMsMax,
    );
    timeline.at(this.#lastMs, () => this.#arrive(bytes, deliver));
  }

  /** What is under way arrives late, and nothing follows. */
  delay(forMs: number): void {
    const held = this.#held;
    this.#held = [];
    this.#lateMs = forMs;
    for (const { bytes, deliver } of held) this.send(bytes, deliver);
  }

  flush(): void {
    if (this.#isClogged()) return;
    const held = this.#held;
    this.#held = [];
    this.bufferedBytes = 0;
    for (const { bytes, deliver } of held) this.send(bytes, deliver);
  }

  break(): void {
    this.#isBroken = true;
    this.#held = [];
    this.bufferedBytes = 0;
  }

  #arrive(bytes: number, deliver: () => void): void {
    if (this.#isBroken) return;
    if (this.#lateMs > 0) {
      this.#network.timeline.after(this.#lateMs, () => {
        this.#receiver()?.whenRunning(() => {
          if (!this.#isBroken) deliver();
        });
      });
      return;
    }
    // What meets a clog on its way waits there, in front of what came later.
    if (this.#isClogged()) {
      this.#held.push({ bytes, deliver });
      this.bufferedBytes += bytes;
      return;
    }
    this.#receiver()?.whenRunning(() => {
      if (!this.#isBroken) deliver();
    });
  }
}

/** A connection with its two ends. */
export class Line {
  readonly path: Path;
  /** Of the machine that dialled. */
  readonly name: string;
  readonly agentEnd: Socket;
  readonly #network: Network;
  readonly #agent: Process;
  readonly #events: SocketEvents;
  readonly #up: Channel;
  readonly #down: Channel;
  #collector: Listener | undefined;
  #collectorEnd: CollectorEnd | undefined;
  #isAgentOver = false;

  constructor(
    network: Network,
    peer: { readonly process: Process; readonly path: Path; readonly name: string },
    events: SocketEvents,
  ) {
    this.#network = network;
    this.path = peer.path;
    this.name = peer.name;
    this.#agent = peer.process;
    this.#events = events;
    const { path } = this;
    this.#up = new Channel(network, {
      path,
      isClogged: () => path.isUpClogged,
      receiver: () => this.#collector?.process,
    });
    this.#down = new Channel(network, {
      path,
      isClogged: () => path.isDownClogged,
      receiver: () => this.#agent,
    });
    this.agentEnd = this.#makeAgentEnd();
    this.#later(() => this.#connect());
  }

  processDied(process: Process): void {
    if (process === this.#agent) {
      this.#isAgentOver = true;
      this.#up.send(0, () => this.#collectorEnd?.gone(ABNORMAL_CLOSE));
      this.#down.break();
      if (this.#collectorEnd === undefined) this.#network.forget(this);
    } else if (process === this.#collector?.process) {
      this.#up.break();
      this.#down.send(0, () => this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)));
    }
  }

  abandon(process: Process): void {
    if (process !== this.#agent && process !== this.#collector?.process) return;
    if (process === this.#agent) this.#isAgentOver = true;
    this.#up.break();
    this.#down.break();
  }

  cut(isTold: boolean): void {
    this.#up.break();
    this.#down.break();
    if (!isTold) return;
    this.#agent.whenRunning(() => this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)));
    this.#collector?.process.whenRunning(() => this.#collectorEnd?.gone(ABNORMAL_CLOSE));
  }

  straggle(forMs: number): void {
    this.#down.break();
    this.#up.delay(forMs);
    this.#agent.whenRunning(() => this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)));
  }

  flush(): void {
    this.#up.flush();
    this.#down.flush();
    if (!this.#isAgentOver && this.#collectorEnd !== undefined)
      this.#agent.whenRunning(() => this.#events.drained());
  }

  /** For the collector's end. */
  sendDown(bytes: Buffer): void {
    this.#network.tap.sentByCollector(this, bytes);
    this.#down.send(bytes.length, () => {
      if (this.#isAgentOver) return;
      this.#network.tap.reachedAgent(this, bytes);
      this.#events.received(Buffer.from(bytes));
    });
  }

  controlReachedCollector(): void {
    this.#network.tap.controlReachedCollector(this);
  }

  pingDown(): void {
    this.#down.send(8, () => {
      if (this.#isAgentOver) return;
      this.#events.heard();
      this.#up.send(8, () => this.#collectorEnd?.emitControl('pong'));
    });
  }

  closeDown(code: number): void {
    this.#down.send(4, () => {
      this.#endAgent(() => this.#events.closed(code));
      this.#up.send(4, () => this.#collectorEnd?.gone(code));
    });
    this.#collector?.process.clock.setTimer(CLOSE_MS_MAX, () => this.#collectorEnd?.gone(ABNORMAL_CLOSE));
  }

  terminateDown(): void {
    this.#down.send(0, () => this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)));
    this.#up.break();
    this.#collector?.process.whenRunning(() => this.#collectorEnd?.gone(ABNORMAL_CLOSE));
  }

  collectorGone(): void {
    if (this.#isAgentOver) this.#network.forget(this);
  }

  get heldDownBytes(): number {
    return this.#down.bufferedBytes;
  }

  #connect(): void {
    const { path } = this;
    if (this.#isAgentOver) return;
    const { listener } = this.#network;
    if (path.isCut || listener === undefined) {
      const error = new AppError('COLLECTOR_UNREACHABLE', 'connection refused', { isRetryable: true });
      this.#endAgent(() => this.#events.failed(error));
      return;
    }
    // Without an answer the agent gives up by itself.
    if (path.isUpClogged || path.isDownClogged) return;
    listener.process.whenRunning(() => this.#accept(listener));
  }

  #accept(listener: Listener): void {
    if (this.#isAgentOver || this.path.isCut) return;
    this.#collector = listener;
    this.#down.send(100, () => {
      if (!this.#isAgentOver) this.#events.opened();
    });
    const end = new CollectorEnd(this);
    this.#collectorEnd = end;
    const peer = { webSocket: end, socket: NO_SOCKET, address: '192.0.2.1', channelBinding: NO_BINDING };
    const refusal = listener.gateway.accept(peer);
    if (refusal === undefined) return;
    this.#down.break();
    this.#later(() =>
      this.#endAgent(() => this.#events.refused({ statusCode: 503, retryAfterMs: RETRY_AFTER_MS })),
    );
  }

  #makeAgentEnd(): Socket {
    const up = this.#up;
    const isOver = (): boolean => this.#isAgentOver || !this.#agent.isAlive;
    return {
      get bufferedBytes() {
        return up.bufferedBytes;
      },
      send: (bytes) => {
        if (isOver() || this.#collectorEnd === undefined) return;
        this.#network.tap.sentByAgent(this, bytes);
        this.#sendUp(Buffer.from(bytes));
        if (this.path.doubled > 0 && this.#network.random.isTrue(this.path.doubled))
          this.#sendUp(Buffer.from(bytes));
      },
      ping: () => {
        if (isOver()) return;
        up.send(8, () => {
          this.#collectorEnd?.emitControl('ping');
          this.#down.send(8, () => {
            if (!this.#isAgentOver) this.#events.heard();
          });
        });
      },
      channelBinding: () => undefined,
      close: (code) => {
        if (isOver()) return;
        up.send(4, () => {
          this.#collectorEnd?.gone(code);
          this.#down.send(4, () => this.#endAgent(() => this.#events.closed(code)));
        });
        this.#agent.clock.setTimer(CLOSE_MS_MAX, () =>
          this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)),
        );
      },
      terminate: () => {
        if (isOver()) return;
        up.send(0, () => this.#collectorEnd?.gone(ABNORMAL_CLOSE));
        this.#down.break();
        this.#later(() => this.#endAgent(() => this.#events.closed(ABNORMAL_CLOSE)));
      },
    };
  }

  #sendUp(bytes: Buffer): void {
    this.#up.send(bytes.length, () => {
      this.#network.tap.reachedCollector(this, bytes);
      this.#collectorEnd?.emitMessage(bytes);
      if (!this.#isAgentOver) this.#agent.whenRunning(() => this.#events.drained());
    });
  }

  #later(act: () => void): void {
    const { timeline, random } = this.#network;
    timeline.after(0.1 + random.next() * this.path.delayMsMax, () => this.#agent.whenRunning(act));
  }

  #endAgent(report: () => void): void {
    if (this.#isAgentOver) return;
    this.#isAgentOver = true;
    report();
    if (this.#collectorEnd === undefined || this.#collectorEnd.isGone) this.#network.forget(this);
  }
}

const NO_SOCKET: Duplex = new PassThrough();
const NO_BINDING = Buffer.alloc(0);

/** The collector's end: what the gateway takes for a socket of `ws`. */
class CollectorEnd extends EventEmitter {
  readonly OPEN = 1;
  readonly #line: Line;
  #isOpen = true;
  isGone = false;

  constructor(line: Line) {
    super();
    this.#line = line;
  }

  get readyState(): number {
    return this.#isOpen ? this.OPEN : CLOSING;
  }

  get bufferedAmount(): number {
    return this.#line.heldDownBytes;
  }

  send(bytes: Buffer): void {
    if (this.#isOpen) this.#line.sendDown(Buffer.from(bytes));
  }

  ping(): void {
    if (this.#isOpen) this.#line.pingDown();
  }

  close(code: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#line.closeDown(code);
  }

  terminate(): void {
    if (this.isGone) return;
    this.#isOpen = false;
    this.#line.terminateDown();
  }

  /** The connection is over. */
  gone(code: number): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#isOpen = false;
    this.emit('close', code, Buffer.alloc(0));
    this.#line.collectorGone();
  }

  emitMessage(bytes: Buffer): void {
    if (this.#isOpen) this.emit('message', Buffer.from(bytes), true);
  }

  emitControl(kind: 'ping' | 'pong'): void {
    if (!this.#isOpen) return;
    this.#line.controlReachedCollector();
    this.emit(kind, Buffer.alloc(0));
  }
}
