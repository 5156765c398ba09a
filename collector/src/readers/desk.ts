/** Where the questions to one thread are answered. It knows no thread: messages come and go through functions. */
import type { Answers, JsonAnswer } from '../query/answers.ts';
import type { QueryEngine } from '../query/query.ts';
import type { FollowingReader } from '../storage/storage.ts';
import {
  packError,
  packResult,
  unpackRequest,
  type FromThread,
  type HostEntry,
  type Question,
  type ToThread,
} from './messages.ts';

export interface DeskPorts {
  readonly engine: QueryEngine;
  readonly answers: Answers;
  readonly storage: Pick<FollowingReader, 'catchUp'>;
  /** Takes over the labels of hosts. */
  learn(this: void, hosts: readonly HostEntry[]): void;
  /** Sends a message; the buffers in `moved` belong to the receiver afterwards. */
  post(this: void, message: FromThread, moved?: readonly ArrayBuffer[]): void;
}

/** Bytes that are worth a message. */
const PIECE_BYTES = 256 * 1024;

interface Running {
  readonly left: AbortController;
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
      case 'ask':
        await this.#answer(message.id, message.question);
        return;
      case 'more':
        this.#running.get(message.id)?.more?.();
        return;
      case 'leave': {
        const running = this.#running.get(message.id);
        running?.left.abort();
        running?.more?.();
      }
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    const running: Running = { left: new AbortController(), more: undefined };
    this.#running.set(id, running);
    try {
      await this.#ports.storage.catchUp();
      await this.#settle(id, question, running);
    } catch (error) {
      this.#ports.post({ kind: 'failed', id, error: packError(error) });
    } finally {
      this.#running.delete(id);
      this.#ports.post({ kind: 'settled', id });
    }
  }

  async #settle(id: number, question: Question, running: Running): Promise<void> {
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
        return;
      }
      case 'instant':
        return this.#send(id, await answers.instant(question.text, question.options, signal), running);
      case 'range':
        return this.#send(id, await answers.range(question.text, question.options, signal), running);
      case 'series':
      case 'labelNames':
        return this.#send(id, await answers[question.kind](unpackRequest(question.request), signal), running);
      case 'labelValues': {
        const request = unpackRequest(question.request);
        return this.#send(id, await answers.labelValues(question.name, request, signal), running);
      }
      case 'storeSizes':
        return this.#send(id, await answers.storeSizes(question.top, signal), running);
      case 'remoteRead': {
        const data = await answers.remoteRead(question.request, signal);
        return this.#send(id, { data, warnings: [], infos: [] }, running);
      }
    }
  }

  /** Sends pieces, each when it is asked for, so that a slow client does not fill the memory of the collector. */
  async #send(id: number, { data, warnings, infos }: JsonAnswer, running: Running): Promise<void> {
    let isFirst = true;
    const send = (piece: Uint8Array<ArrayBuffer>, isLast: boolean): void => {
      if (isFirst) this.#ports.post({ kind: 'first', id, warnings, infos, piece, isLast }, [piece.buffer]);
      else this.#ports.post({ kind: 'piece', id, piece, isLast }, [piece.buffer]);
      isFirst = false;
    };
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    for await (const part of data) {
      const piece = typeof part === 'string' ? ENCODER.encode(part) : part;
      parts.push(piece);
      bytes += piece.length;
      if (bytes < PIECE_BYTES) continue;
      const asked = new Promise<void>((resolve) => (running.more = resolve));
      send(joined(parts.splice(0), bytes), false);
      bytes = 0;
      await asked;
      if (running.left.signal.aborted) return;
    }
    send(joined(parts, bytes), true);
  }
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[], bytes: number): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const ENCODER = new TextEncoder();
