/**
 * The reading threads. Whatever reads samples or lists of series is answered there, so that sockets, commits and pages
 * never wait for it; the answers come back as finished bytes, or as plain values for rules. A thread that fails takes its
 * questions with it, and the next question starts a fresh one.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { Answers, JsonAnswer } from '../query/answers.ts';
import type { FinishedQuery } from '../query/query-log.ts';
import { DEFAULT_LIMITS, type QueryEngine, type QueryLimits } from '../query/query.ts';
import {
  unpackResult,
  type FromThread,
  type HostEntry,
  type Question,
  type ThreadSettings,
} from './messages.ts';
import { LabelLists } from './label-lists.ts';
import { PiecePlaces, sharedPieces } from './piece-places.ts';
import { Reader, type StartThread, type ThreadEvents, type ThreadPort } from './reader.ts';

export interface ReadersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly start: StartThread;
  /** Threads at most; each is started when it is first needed, but see `startAhead`. */
  readonly threads: number;
  readonly limits: QueryLimits;
  /** All hosts that there are. */
  hosts(this: void): readonly HostEntry[];
  noted(this: void, query: FinishedQuery): void;
  /** A block file is damaged; each thread that meets it says so. */
  damaged(this: void, text: string, file: string): void;
  /** Counts an answer that was given up because its client took it slowly and others needed the memory. */
  dropped(this: void): void;
  /** Counts a thread that ended without being told to. */
  failed(this: void): void;
}

/** Questions that may wait and run in all threads together; more are refused. */
const QUESTIONS_MAX = 500;

/** What a thread that was not started counts as: more than one that idles, less than one that works. */
const NOT_STARTED = 0.5;

/** Threads have a limit of their own, and this long to say so before the collector gives up on the answer. */
const REPLY_GRACE_MS = 2_000;

interface Place {
  reader: Reader | undefined;
  /** Changes that the thread has not heard of; undefined before it has heard of any host. */
  unheard: Map<string, HostEntry> | undefined;
}

export class Readers implements Answers {
  /** The same threads as an engine, whose results come as values. */
  readonly engine: QueryEngine;
  readonly #options: ReadersOptions;
  readonly #places: readonly Place[];
  /** Of the answers to rules. */
  readonly #labelLists = new LabelLists();
  /** What every thread is told at its start; undefined while nothing is. */
  #expected: readonly string[] | undefined;
  #isClosed = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.threads }, () => ({ reader: undefined, unheard: undefined }));
    this.engine = {
      limits: options.limits,
      instant: async (text, { relabel, ...call }, signal) => {
        const asked = { text, relabel };
        const known = this.#labelLists.get(asked);
        const question = { kind: 'value-instant', text, options: call, labelsHash: known?.hash } as const;
        const packed = await this.#value(question, call, signal);
        return unpackResult(packed, (labels) => this.#labelLists.take(asked, labels, known));
      },
      range: async (text, call, signal) =>
        unpackResult(await this.#value({ kind: 'value-range', text, options: call }, call, signal)),
    };
  }

  /** Starts one thread, so that the first question need not wait for it. The others are started when they are needed. */
  startAhead(): void {
    this.#reader();
  }

  instant(...[text, options, signal]: Parameters<Answers['instant']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'instant', text, options }, options, signal);
  }

  range(...[text, options, signal]: Parameters<Answers['range']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'range', text, options }, options, signal);
  }

  series(...[request, signal]: Parameters<Answers['series']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'series', request }, {}, signal);
  }

  labelNames(...[request, signal]: Parameters<Answers['labelNames']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'labelNames', request }, {}, signal);
  }

  newest(...[request, signal]: Parameters<Answers['newest']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'newest', request }, {}, signal);
  }

  labelValues(...[name, request, signal]: Parameters<Answers['labelValues']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'labelValues', name, request }, {}, signal);
  }

  parsed(...[text, form, signal]: Parameters<Answers['parsed']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'parsed', text, form }, {}, signal);
  }

  async check(...[text, signal]: Parameters<Answers['check']>): Promise<void> {
    await this.#ask({ kind: 'check', text }, {}, signal);
  }

  fitting(...[request, signal]: Parameters<Answers['fitting']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'fitting', request }, {}, signal);
  }

  storeSizes(...[top, signal]: Parameters<Answers['storeSizes']>): Promise<JsonAnswer> {
    return this.#pieces({ kind: 'storeSizes', top }, {}, signal);
  }

  remoteRead(...[{ body, limits }, signal]: Parameters<Answers['remoteRead']>): Promise<JsonAnswer> {
    // What is sent is the whole memory behind the view, which other requests may share.
    const request = { body: new Uint8Array(body), limits };
    return this.#pieces({ kind: 'remoteRead', request }, {}, signal);
  }

  /**
   * Says which instant queries are going to be asked again and again, so that what is read for the first of them after a start is
   * read for all. Replaces what was said before; answers are the same without it.
   */
  expect(texts: readonly string[]): void {
    this.#expected = texts;
    for (const { reader } of this.#places) reader?.expect(texts);
  }

  /** A host came, went, or has other labels. */
  hostChanged(entry: HostEntry): void {
    for (const { unheard } of this.#places) unheard?.set(entry[0], entry);
  }

  /** What the readings in memory of all threads take, by their own count, some seconds ago. */
  get windowBytes(): number {
    return this.#places.reduce((sum, { reader }) => sum + (reader?.windowBytes ?? 0), 0);
  }

  /** Ends all threads; questions that are open fail with DRAINING. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#places.map(async ({ reader }) => reader?.kill()));
  }

  async #value(question: Question, call: { readonly timeoutMs?: number }, signal: AbortSignal) {
    const { reply } = await this.#ask(question, call, signal);
    if (reply.kind !== 'value') throw new TypeError(`${reply.kind} where a value was asked for`);
    return reply.result;
  }

  async #pieces(question: Question, call: { readonly timeoutMs?: number }, signal: AbortSignal) {
    const { reader, id, reply } = await this.#ask(question, call, signal);
    if (reply.kind !== 'first') throw new TypeError(`${reply.kind} where bytes were asked for`);
    const { piece, isLast, warnings, infos } = reply;
    const data = reader.pieces(id, reply, signal);
    return { data, onlyPieceBytes: isLast ? piece.length : undefined, warnings, infos };
  }

  async #ask(question: Question, call: { readonly timeoutMs?: number }, signal: AbortSignal) {
    const reader = this.#reader();
    const timeoutMs = Math.min(call.timeoutMs ?? Infinity, this.#options.limits.timeoutMs) + REPLY_GRACE_MS;
    return { reader, ...(await reader.ask(question, { signal, timeoutMs })) };
  }

  /** The thread with the least to do; one that was not needed so far only when all others are busy. */
  #reader(): Reader {
    if (this.#isClosed) throw new AppError('DRAINING', 'the collector is about to stop');
    let place: Place | undefined;
    let least = Number.POSITIVE_INFINITY;
    let total = 0;
    for (const one of this.#places) {
      const load = one.reader === undefined ? NOT_STARTED : one.reader.load;
      total += Math.floor(load);
      if (load >= least) continue;
      least = load;
      place = one;
    }
    if (total >= QUESTIONS_MAX) {
      throw new AppError('SLOW_DOWN', `${QUESTIONS_MAX} queries are waiting already: try again later`);
    }
    if (place === undefined) throw new TypeError('there are no threads');
    place.reader ??= this.#startAt(place);
    if (place.unheard === undefined) {
      place.unheard = new Map();
      place.reader.learn(this.#options.hosts());
      if (this.#expected !== undefined) place.reader.expect(this.#expected);
    } else if (place.unheard.size > 0) {
      place.reader.learn([...place.unheard.values()]);
      place.unheard.clear();
    }
    return place.reader;
  }

  #startAt(place: Place): Reader {
    const { clock, start, noted, damaged, dropped, log, failed } = this.#options;
    place.unheard = undefined;
    return new Reader({
      clock,
      start,
      noted,
      damaged,
      dropped,
      ended(reason) {
        place.reader = undefined;
        place.unheard = undefined;
        if (reason === undefined) return;
        failed();
        log.error('a reading thread ended', { error: describeError(reason) });
      },
    });
  }
}

/** What a thread may use besides the arrays of samples, which the limits on samples bound. */
export interface ThreadMemory {
  readonly heapMiB: number;
  /** Of it for objects that were just made, which the thread never gives back. */
  readonly nurseryMiB: number;
}

/** Starts real threads. */
export function threadStarter(
  settings: Omit<ThreadSettings, 'pieces'>,
  { heapMiB, nurseryMiB }: ThreadMemory,
): StartThread {
  return ({ message, ended }: ThreadEvents): ThreadPort => {
    const pieces = sharedPieces();
    const workerData: ThreadSettings = { ...settings, pieces };
    const worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData,
      resourceLimits: {
        maxOldGenerationSizeMb: heapMiB,
        maxYoungGenerationSizeMb: nurseryMiB,
      },
    });
    // A thread that idles does not keep a collector from ending.
    worker.unref();
    worker.on('message', (received: FromThread) => message(received));
    worker.on('error', (error) => ended(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => ended(new Error(`the thread ended with code ${code}`)));
    return {
      places: new PiecePlaces(pieces),
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      post: (sent) => worker.postMessage(sent),
      async kill() {
        await worker.terminate();
      },
    };
  };
}

/** The limits of one of `threads` threads, which share the places for queries. */
export function limitsPerThread(threads: number, limits: Partial<QueryLimits> = {}): QueryLimits {
  const all = { ...DEFAULT_LIMITS, ...limits };
  return { ...all, concurrentMax: Math.max(1, Math.ceil(all.concurrentMax / threads)) };
}
