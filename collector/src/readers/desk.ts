/** Where the questions to one thread are answered. It knows no thread: messages come and go through functions. */
import type { Answers, JsonAnswer } from '../query/answers.ts';
import type { QueryEngine } from '../query/query.ts';
import type { FollowingReader } from '../storage/storage.ts';
import {
  packError,
  packResult,
  type FromThread,
  type HostEntry,
  type Piece,
  type Question,
  type ToThread,
} from './messages.ts';
import { PIECE_BYTES, type PiecePlaces } from './piece-places.ts';

export interface DeskPorts {
  readonly engine: QueryEngine;
  readonly answers: Answers;
  readonly storage: Pick<FollowingReader, 'catchUp'>;
  readonly places: PiecePlaces;
  /** @default UNTAKEN_VALUES_MAX */
  readonly untakenValuesMax?: number;
  /** Takes over the labels of hosts. */
  learn(this: void, hosts: readonly HostEntry[]): void;
  /** Is told which queries are going to come. */
  expect(this: void, texts: readonly string[]): void;
  /** Sends a message, which wakes the collector; the buffers in `moved` belong to the receiver afterwards. */
  post(this: void, message: FromThread, moved?: readonly ArrayBuffer[]): void;
}

/**
 * Values of answers that are being taken, all together. Results of queries no longer count when they are done, and a client
 * takes as long as it likes for each piece: those that began first are given up for one that comes.
 */
const UNTAKEN_VALUES_MAX = 50_000_000;

interface Running {
  readonly left: AbortController;
  /** Of the answer that is being taken. */
  values: number;
  /** Lets the sender of pieces go on. */
  more: (() => void) | undefined;
}

export class Desk {
  readonly #ports: DeskPorts;
  readonly #running = new Map<number, Running>();

  constructor(ports: DeskPorts) {
    this.#ports = ports;
  }

  /** Takes a message of the collector. Resolves when a question is settled, at once for everything else. */
  async receive(message: ToThread): Promise<void> {
    switch (message.kind) {
      case 'hosts':
        this.#ports.learn(message.hosts);
        return;
      case 'expect':
        this.#ports.expect(message.texts);
        return;
      case 'ask':
        await this.#answer(message.id, message.question);
        return;
      case 'more':
        this.#running.get(message.id)?.more?.();
        return;
      case 'leave':
        leave(this.#running.get(message.id));
    }
  }

  /** Gives up what others take when a new answer has no room beside it. */
  #makeRoom(running: Running, values: number): void {
    const { untakenValuesMax = UNTAKEN_VALUES_MAX, post } = this.#ports;
    running.values = values;
    let sum = 0;
    for (const one of this.#running.values()) sum += one.values;
    for (const one of this.#running.values()) {
      if (sum <= untakenValuesMax) return;
      if (one === running || one.values === 0) continue;
      sum -= one.values;
      one.values = 0;
      leave(one);
      post({ kind: 'dropped' });
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    const running: Running = { left: new AbortController(), values: 0, more: undefined };
    this.#running.set(id, running);
    try {
      const readsNothing = ['parsed', 'check', 'fitting'].includes(question.kind);
      if (!readsNothing) await this.#ports.storage.catchUp();
      const isSaid = await this.#say(id, question, running);
      if (!isSaid) this.#ports.post({ kind: 'settled', id });
    } catch (error) {
      this.#ports.post({ kind: 'failed', id, error: packError(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  /** Says the whole answer. @returns false when somebody left before its end */
  async #say(id: number, question: Question, running: Running): Promise<boolean> {
    const { engine, answers, post } = this.#ports;
    const { signal } = running.left;
    switch (question.kind) {
      case 'value-instant':
      case 'value-range': {
        const result =
          question.kind === 'value-instant'
            ? await engine.instant(question.text, question.options, signal)
            : await engine.range(question.text, question.options, signal);
        const labelsHash = question.kind === 'value-instant' ? question.labelsHash : undefined;
        post({ kind: 'value', id, result: packResult(result, labelsHash) });
        return true;
      }
      case 'instant':
        return this.#send(id, await answers.instant(question.text, question.options, signal), running);
      case 'range':
        return this.#send(id, await answers.range(question.text, question.options, signal), running);
      case 'series':
      case 'labelNames':
      case 'newest':
        return this.#send(id, await answers[question.kind](question.request, signal), running);
      case 'labelValues':
        return this.#send(id, await answers.labelValues(question.name, question.request, signal), running);
      case 'parsed':
        return this.#send(id, await answers.parsed(question.text, question.form, signal), running);
      case 'check':
        await answers.check(question.text, signal);
        post({ kind: 'checked', id });
        return true;
      case 'fitting':
        return this.#send(id, await answers.fitting(question.request, signal), running);
      case 'storeSizes':
        return this.#send(id, await answers.storeSizes(question.top, signal), running);
      case 'remoteRead':
        return this.#send(id, await answers.remoteRead(question.request, signal), running);
    }
  }

  /**
   * Sends pieces, each but the first when it is asked for, so that a slow client does not fill the memory of the collector.
   * One more is ready then.
   * @returns false when somebody left before the last one
   */
  async #send(
    id: number,
    { data, warnings, infos, values = 0 }: JsonAnswer,
    running: Running,
  ): Promise<boolean> {
    this.#makeRoom(running, values);
    let asked: Promise<void> | undefined;
    const send = async (draft: Draft, isLast: boolean): Promise<boolean> => {
      await asked;
      if (running.left.signal.aborted) return false;
      const isFirst = asked === undefined;
      asked = new Promise((resolve) => (running.more = resolve));
      const { piece, moved } = draft.finish();
      if (isFirst) this.#ports.post({ kind: 'first', id, warnings, infos, piece, isLast }, moved);
      else this.#ports.post({ kind: 'piece', id, piece, isLast }, moved);
      return true;
    };
    let draft = new Draft(this.#ports.places);
    try {
      for await (const part of data) {
        const bytes = typeof part === 'string' ? ENCODER.encode(part) : part;
        for (let start = draft.add(bytes, 0); start < bytes.length; start = draft.add(bytes, start)) {
          if (!(await send(draft, false)) || running.left.signal.aborted) return false;
          draft = new Draft(this.#ports.places);
        }
      }
      return await send(draft, true);
    } finally {
      draft.discard();
    }
  }
}

function leave(running: Running | undefined): void {
  running?.left.abort();
  running?.more?.();
}

const ENCODER = new TextEncoder();

/** A piece that is being filled. */
class Draft {
  readonly #places: PiecePlaces;
  readonly #place: number | undefined;
  readonly #bytes: Uint8Array;
  #length = 0;
  #isFinished = false;

  constructor(places: PiecePlaces) {
    this.#places = places;
    this.#place = places.take();
    this.#bytes =
      this.#place === undefined ? new Uint8Array(PIECE_BYTES) : places.at(this.#place, PIECE_BYTES);
  }

  /** Adds what fits of the bytes from `start` on, and says where the rest begins. */
  add(bytes: Uint8Array, start: number): number {
    const end = Math.min(bytes.length, start + PIECE_BYTES - this.#length);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length += end - start;
    return end;
  }

  /** The piece for a message, and the buffers that are to be moved with it. */
  finish(): { readonly piece: Piece; readonly moved: readonly ArrayBuffer[] } {
    this.#isFinished = true;
    if (this.#place !== undefined) return { piece: { place: this.#place, length: this.#length }, moved: [] };
    const piece = new Uint8Array(this.#bytes.subarray(0, this.#length));
    return { piece, moved: [piece.buffer] };
  }

  /** Gives the memory back, unless the piece is finished and somebody else's. */
  discard(): void {
    if (!this.#isFinished && this.#place !== undefined) this.#places.free(this.#place);
  }
}
