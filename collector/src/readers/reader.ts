/** One reading thread as the collector sees it: questions go in, answers come out, and it may end at any time. */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { Deadlines } from '@rollcall/shared/lib/deadlines.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { FinishedQuery } from '../query/query-log.ts';
import {
  unpackError,
  type FromThread,
  type HostEntry,
  type Piece,
  type Question,
  type ToThread,
} from './messages.ts';
import type { PiecePlaces } from './piece-places.ts';

/** A thread, or what stands for one in a test. */
export interface ThreadPort {
  /** Where its pieces lie. */
  readonly places: PiecePlaces;
  post(message: ToThread): void;
  /** Ends it without asking; `ended` follows. */
  kill(): Promise<void>;
}

/** What a thread tells. After `ended` it says nothing more. */
export interface ThreadEvents {
  message(this: void, message: FromThread): void;
  /** Why it ended; undefined when it was told to. */
  ended(this: void, reason: Error | undefined): void;
}

export type StartThread = (events: ThreadEvents) => ThreadPort;

export interface ReaderOptions {
  readonly clock: Clock;
  readonly start: StartThread;
  noted(this: void, query: FinishedQuery): void;
  damaged(this: void, text: string, file: string): void;
  /** See `ReadersOptions`. */
  dropped(this: void): void;
  /** Called once; the reader takes no more questions then. */
  ended(this: void, reason: Error | undefined): void;
}

/** How long a thread may go on with a question that nobody waits for, before it is taken for hung. */
export const GRACE_MS = 10_000;
/** How long a client may take for one piece of its answer. */
export const STALL_MS = 60_000;

type Reply = Extract<FromThread, { readonly kind: 'value' | 'checked' | 'first' | 'piece' }>;

interface Asked {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #port: ThreadPort;
  /** Who waits for the next message about a question. */
  readonly #asked = new Map<number, Asked>();
  /** Questions that the thread works on, and the timer of those that nobody waits for. */
  readonly #unsettled = new Map<number, Timer | undefined>();
  /** Of those who wait. */
  readonly #deadlines: Deadlines;
  #nextId = 1;
  #hasEnded = false;
  #windowBytes = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#port = options.start({
      message: (message) => this.#receive(message),
      ended: (reason) => this.#end(reason),
    });
  }

  /** Questions that it works on. */
  get load(): number {
    return this.#unsettled.size;
  }

  /** What its readings in memory took when it last said so. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  learn(hosts: readonly HostEntry[]): void {
    if (!this.#hasEnded) this.#port.post({ kind: 'hosts', hosts });
  }

  expect(texts: readonly string[]): void {
    if (!this.#hasEnded) this.#port.post({ kind: 'expect', texts });
  }

  /**
   * Asks, and resolves with the first message of the answer.
   * @throws AppError what the thread throws; QUERY_CANCELED, QUERY_TIMEOUT; QUERY_LIMIT or QUERY_FAILED when it ended
   */
  async ask(
    question: Question,
    { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<{ readonly id: number; readonly reply: Reply }> {
    const id = this.#nextId++;
    this.#unsettled.set(id, undefined);
    this.#port.post({ kind: 'ask', id, question });
    const timeout = (): AppError => new AppError('QUERY_TIMEOUT', 'query timed out in expression evaluation');
    const reply = await this.#wait(id, { signal, timeoutMs, timeout });
    return { id, reply };
  }

  /**
   * The pieces of an answer that began with `first`; each is asked for when the one before was taken, and is good until
   * then. Whoever gets them reads them to their end or calls `return`.
   */
  pieces(id: number, first: SentPiece, signal: AbortSignal): AsyncIterableIterator<Uint8Array> {
    return new Pieces(first, {
      clock: this.#options.clock,
      places: this.#port.places,
      next: async () => {
        const next = this.#wait(id, { signal, timeoutMs: STALL_MS, timeout: stallError });
        this.#port.post({ kind: 'more', id });
        const reply = await next;
        if (reply.kind !== 'piece') throw new TypeError(`${reply.kind} in the middle of an answer`);
        return reply;
      },
      leave: () => this.#leave(id),
    });
  }

  /** Ends the thread; whoever waits gets `reason`. */
  async kill(reason?: Error): Promise<void> {
    this.#end(reason);
    await this.#port.kill();
  }

  /** Waits for the next message about a question; gives the question up when that takes too long. */
  async #wait(
    id: number,
    { signal, timeoutMs, timeout }: { signal: AbortSignal; timeoutMs: number; timeout: () => AppError },
  ): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const giveUp = (error: Error): void => {
      this.#leave(id);
      reject(error);
    };
    const onAbort = (): void => giveUp(canceled(signal));
    const timer = this.#deadlines.setTimer(timeoutMs, () => giveUp(timeout()));
    this.#asked.set(id, { resolve, reject });
    if (!this.#unsettled.has(id)) reject(stallError());
    else if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      this.#asked.delete(id);
    }
  }

  /** Tells the thread that nobody waits; one that does not settle the question then is taken for hung. */
  #leave(id: number): void {
    if (this.#hasEnded || !this.#unsettled.has(id) || this.#unsettled.get(id) !== undefined) return;
    this.#port.post({ kind: 'leave', id });
    const timer = this.#options.clock.setTimer(
      GRACE_MS,
      () => {
        const text = 'the thread did not stop a query that nobody waits for, and was ended: try again';
        void this.kill(new AppError('QUERY_FAILED', text, { isRetryable: true }));
      },
      { isBackground: true },
    );
    this.#unsettled.set(id, timer);
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case 'noted':
        this.#options.noted(message.query);
        return;
      case 'window':
        this.#windowBytes = message.bytes;
        return;
      case 'damaged':
        this.#options.damaged(message.text, message.file);
        return;
      case 'dropped':
        this.#options.dropped();
        return;
      case 'settled':
        this.#settle(message.id);
        // One that was given up for others, before anything of it was sent.
        this.#asked.get(message.id)?.reject(stallError());
        return;
      case 'failed':
        this.#settle(message.id);
        this.#asked.get(message.id)?.reject(unpackError(message.error));
        return;
      case 'value':
      case 'checked':
        this.#settle(message.id);
        this.#asked.get(message.id)?.resolve(message);
        return;
      case 'first':
      case 'piece': {
        if (message.isLast) this.#settle(message.id);
        const asked = this.#asked.get(message.id);
        if (asked !== undefined) asked.resolve(message);
        else freePiece(message.piece, this.#port.places);
      }
    }
  }

  #settle(id: number): void {
    this.#unsettled.get(id)?.cancel();
    this.#unsettled.delete(id);
  }

  #end(reason: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const timer of this.#unsettled.values()) timer?.cancel();
    this.#unsettled.clear();
    const error = reason ?? new AppError('DRAINING', 'the collector is about to stop', { isRetryable: true });
    for (const { reject } of this.#asked.values()) reject(endError(error));
    this.#options.ended(reason);
  }
}

interface SentPiece {
  readonly piece: Piece;
  readonly isLast: boolean;
}

interface PiecesPorts {
  readonly clock: Clock;
  readonly places: PiecePlaces;
  /** Asks for the next piece, once at a time. */
  next(this: void): Promise<SentPiece>;
  /** Nobody wants the rest. */
  leave(this: void): void;
}

/** Not a generator: that does nothing when it is ended before its beginning, and memory has to be given back then too. */
class Pieces implements AsyncIterableIterator<Uint8Array> {
  readonly #ports: PiecesPorts;
  /** What the reader has, or gets next when it has nothing. */
  #current: SentPiece | undefined;
  #isTaken = false;
  /** Of a piece that more are to follow: the thread does not wait for ever. */
  #stall: Timer | undefined;

  constructor(first: SentPiece, ports: PiecesPorts) {
    this.#ports = ports;
    this.#hold(first);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isTaken) {
      const isLast = this.#letGo();
      if (isLast) return DONE;
      try {
        this.#hold(await this.#ports.next());
      } catch (error) {
        this.#ports.leave();
        throw error;
      }
    }
    if (this.#current === undefined) return DONE;
    this.#isTaken = true;
    const { piece } = this.#current;
    return {
      done: false,
      value: piece instanceof Uint8Array ? piece : this.#ports.places.at(piece.place, piece.length),
    };
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    const isLast = this.#letGo();
    if (!isLast) this.#ports.leave();
    return Promise.resolve(DONE);
  }

  #hold(sent: SentPiece): void {
    this.#current = sent;
    this.#isTaken = false;
    if (sent.isLast) return;
    this.#stall = this.#ports.clock.setTimer(STALL_MS, () => this.#ports.leave(), { isBackground: true });
  }

  /** Whether no more is to come. */
  #letGo(): boolean {
    const current = this.#current;
    this.#current = undefined;
    this.#isTaken = false;
    this.#stall?.cancel();
    if (current === undefined) return true;
    freePiece(current.piece, this.#ports.places);
    return current.isLast;
  }
}

const DONE = { done: true, value: undefined } as const;

function freePiece(piece: Piece, places: PiecePlaces): void {
  if (!(piece instanceof Uint8Array)) places.free(piece.place);
}

/** What the end of a thread means for those who wait for an answer of it. */
function endError(reason: Error): AppError {
  if (reason instanceof AppError) return reason;
  if ('code' in reason && reason.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new AppError(
      'QUERY_LIMIT',
      'queries needed more memory than a thread may use: ask for fewer series or a shorter time',
    );
  }
  return new AppError('QUERY_FAILED', 'the thread that answered failed, the log says more: try again', {
    cause: reason,
    isRetryable: true,
  });
}

function canceled({ reason }: { readonly reason: unknown }): AppError {
  if (reason instanceof AppError) return reason;
  return new AppError('QUERY_CANCELED', 'query was canceled in expression evaluation');
}

function stallError(): AppError {
  return new AppError('QUERY_TIMEOUT', 'the answer was not taken in time');
}
