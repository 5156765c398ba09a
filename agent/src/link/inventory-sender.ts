/** Sends inventory sections in pieces, so that a large one neither fills the socket nor holds up records. */
import type { CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { encodeInventoryChunk } from '@rollcall/shared/protocol/messages.ts';
import type { Socket } from './socket.ts';

/** Where the sections come from. */
export interface InventorySource {
  /** The newest reading of each section, empty before the first one. */
  sections(): readonly CanonicalSection[];
  /** Called after a reading in which a section changed. One listener. */
  onChange(listener: () => void): void;
}

/** A small share of the socket's buffer, so that records come in between. */
const CHUNK_BYTES = 32 * 1024;

export class InventorySender {
  readonly #socket: Socket;
  #waiting: { readonly section: CanonicalSection; readonly offset: number }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether something waits until the socket takes more. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Queues the sections; one that waits already is not sent twice. Those over the limit of the wire are left out. */
  send(sections: readonly CanonicalSection[]): void {
    for (const section of sections) {
      const isWaiting = this.#waiting.some(({ section: { hash } }) => hash === section.hash);
      if (!isWaiting && section.bytes.length <= LIMITS.inventoryBytes)
        this.#waiting.push({ section, offset: 0 });
    }
    this.sendMore();
  }

  /** Sends as much as the socket takes. Call it again when the socket has drained. */
  sendMore(): void {
    while (this.#socket.bufferedBytes <= LIMITS.agentSendBufferBytes) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const { section, offset } = next;
      const bytes = section.bytes.subarray(offset, offset + CHUNK_BYTES);
      const { name, hash } = section;
      this.#socket.send(
        encodeInventoryChunk({ name, hash, totalBytes: section.bytes.length, offset, bytes }),
      );
      const end = offset + bytes.length;
      if (end < section.bytes.length) this.#waiting.unshift({ section, offset: end });
    }
  }
}
