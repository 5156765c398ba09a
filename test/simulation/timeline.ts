/** Virtual time: what happens when, in one order that the seed decides. */
import type { Random } from './random.ts';

/** Times are multiples of this, so that sums and differences of them are exact. */
const GRID_PER_MS = 1_024;
/** Turns of the microtask queue after each event; what takes more goes on with the next event. */
const TURNS_PER_EVENT = 12;
const TURN = Promise.resolve();

interface Entry {
  readonly atMs: number;
  /** Decides between entries of the same time. */
  readonly tieBreak: number;
  act: (() => void) | undefined;
}

/** An event that was planned and may still be taken back. */
export interface Planned {
  cancel(): void;
}

export class Timeline {
  readonly #random: Random;
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #events = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get events(): number {
    return this.#events;
  }

  /** Runs `act` at a time that is not in the past. */
  at(atMs: number, act: () => void): Planned {
    const onGridMs = Math.ceil(atMs * GRID_PER_MS) / GRID_PER_MS;
    const entry: Entry = { atMs: Math.max(onGridMs, this.#nowMs), tieBreak: this.#random.next(), act };
    this.#push(entry);
    return {
      cancel: () => {
        entry.act = undefined;
      },
    };
  }

  after(delayMs: number, act: () => void): Planned {
    return this.at(this.#nowMs + delayMs, act);
  }

  /** Lets time go on until `untilMs`, or until `isDone` says so after some event. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      if (next.act === undefined) continue;
      this.#nowMs = next.atMs;
      this.#events++;
      next.act();
      for (let turn = 0; turn < TURNS_PER_EVENT; turn++) await TURN;
      if (isDone()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [first, second] = [heap[left], heap[left + 1]];
      if (first === undefined) break;
      const isSecond = second !== undefined && isBefore(second, first);
      const child = isSecond ? second : first;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = isSecond ? left + 1 : left;
    }
    heap[index] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.tieBreak < right.tieBreak);
}
