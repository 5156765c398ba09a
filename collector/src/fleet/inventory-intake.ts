/**
 * Inventory on its way in: who may send a section now, and the chunks that have come of it. What travels is held in
 * memory until it is whole, so only a few sessions send at a time; the others wait for their turn.
 */
import { background } from '@rollcall/shared/lib/background.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { InventoryChunk, SectionHashes } from '@rollcall/shared/protocol/messages.ts';
import type { Inventory } from './inventory.ts';

/** Sessions that may send at a time; each holds at most one section of 8 MiB. */
const TURNS_MAX = 8;
/** A session that has the turn and sends nothing for so long loses it. */
const TURN_SILENCE_MS = 60_000;

/** One session's side; compared by identity. */
export interface InventoryPeer {
  readonly agentId: string;
  /** Asks the agent for sections. */
  need(names: readonly string[]): void;
  /** The session broke the rules and must end. */
  refused(error: AppError): void;
}

interface Waiting {
  /** Sections still to come, hash by name. */
  readonly needed: Map<string, string>;
  /** The one on its way. */
  asked: { readonly name: string; readonly hash: string } | undefined;
  chunks: Buffer[];
  receivedBytes: number;
  lastMonoMs: number;
}

export class InventoryIntake {
  readonly #inventory: Inventory;
  readonly #log: Logger;
  readonly #waiting = new Map<InventoryPeer, Waiting>();
  /** In the order in which they came; the first TURNS_MAX have the turn. */
  readonly #turns = new Set<InventoryPeer>();

  constructor(options: { readonly inventory: Inventory; readonly log: Logger }) {
    this.#inventory = options.inventory;
    this.#log = options.log;
  }

  /** An agent told what it has: asks for what is not known, now or when it is its turn. */
  have(peer: InventoryPeer, hashes: SectionHashes, nowMonoMs: number): void {
    const missing = this.#inventory.missing(peer.agentId, hashes);
    const needed = new Map(missing.map((name) => [name, hashes.get(name) ?? '']));
    this.#turns.delete(peer);
    this.#waiting.delete(peer);
    if (needed.size > 0) {
      this.#waiting.set(peer, {
        needed,
        asked: undefined,
        chunks: [],
        receivedBytes: 0,
        lastMonoMs: nowMonoMs,
      });
    }
    this.#giveTurns(nowMonoMs);
  }

  /**
   * A chunk of the section that was asked for. One that nobody asked for is ignored: it may have crossed a newer
   * INV_HAVE on its way.
   * @throws AppError PROTOCOL_ERROR when it does not continue the section
   */
  chunk(peer: InventoryPeer, chunk: InventoryChunk, nowMonoMs: number): void {
    const waiting = this.#waiting.get(peer);
    const asked = waiting?.asked;
    if (waiting === undefined || asked === undefined) return;
    if (asked.name !== chunk.name || asked.hash !== chunk.hash) return;
    if (chunk.offset !== waiting.receivedBytes) {
      throw new AppError(
        'PROTOCOL_ERROR',
        `inventory chunk at ${chunk.offset} of ${chunk.name}, expected ${waiting.receivedBytes}`,
      );
    }
    // A copy: the chunk is a view into the socket's message.
    waiting.chunks.push(Buffer.from(chunk.bytes));
    waiting.receivedBytes += chunk.bytes.length;
    waiting.lastMonoMs = nowMonoMs;
    if (waiting.receivedBytes < chunk.totalBytes) return;
    const bytes = Buffer.concat(waiting.chunks);
    waiting.chunks = [];
    waiting.receivedBytes = 0;
    waiting.asked = undefined;
    waiting.needed.delete(asked.name);
    const stored = this.#inventory.store(peer.agentId, { ...asked, bytes }).then(
      () => this.#askNext(peer, waiting, nowMonoMs),
      (error: unknown) => this.#failed(peer, error, nowMonoMs),
    );
    background(this.#log, 'store inventory', stored);
  }

  /** The session ended. */
  left(peer: InventoryPeer, nowMonoMs: number): void {
    this.#turns.delete(peer);
    if (this.#waiting.delete(peer)) this.#giveTurns(nowMonoMs);
  }

  /** Takes the turn from sessions that do not use it; for once a second. */
  tick(nowMonoMs: number): void {
    for (const peer of this.#turns) {
      const waiting = this.#waiting.get(peer);
      if (waiting === undefined || nowMonoMs - waiting.lastMonoMs >= TURN_SILENCE_MS)
        this.left(peer, nowMonoMs);
    }
  }

  #giveTurns(nowMonoMs: number): void {
    for (const [peer, waiting] of this.#waiting) {
      if (this.#turns.size >= TURNS_MAX) return;
      if (this.#turns.has(peer)) continue;
      this.#turns.add(peer);
      this.#askNext(peer, waiting, nowMonoMs);
    }
  }

  #askNext(peer: InventoryPeer, waiting: Waiting, nowMonoMs: number): void {
    // A newer INV_HAVE, or the end of the session, has replaced what this was part of.
    if (this.#waiting.get(peer) !== waiting) return;
    const [next] = waiting.needed;
    if (next === undefined) {
      this.left(peer, nowMonoMs);
      return;
    }
    const [name, hash] = next;
    waiting.asked = { name, hash };
    waiting.lastMonoMs = nowMonoMs;
    peer.need([name]);
  }

  #failed(peer: InventoryPeer, error: unknown, nowMonoMs: number): void {
    this.left(peer, nowMonoMs);
    if (error instanceof AppError) peer.refused(error);
    // The database does not write: the agent offers the section again when it connects the next time.
    else
      this.#log.error('inventory cannot be stored', { agentId: peer.agentId, error: describeError(error) });
  }
}
