/** Arrays that were read one by one as one array. */
import type { JoinedRead } from './joined-memory.ts';

/** Times of parts as one array; series with the same parts get the same array. */
export class JoinedTimes {
  /** By the last of the parts. */
  readonly #known = new Map<
    Float64Array,
    { readonly parts: readonly Float64Array[]; readonly all: Float64Array }
  >();
  readonly #memory: JoinedRead | undefined;

  /** @param memory keeps what was put together from read to read */
  constructor(memory?: JoinedRead) {
    this.#memory = memory;
  }

  /** @param isLasting the parts stand in memory that lasts, and may be asked for again by the next read */
  of(parts: readonly Float64Array[], isLasting = false): Float64Array {
    const last = parts.at(-1);
    if (last === undefined) return new Float64Array(0);
    if (parts.length === 1) return last;
    const known = this.#known.get(last);
    if (known?.parts.length === parts.length && parts.every((part, i) => part === known.parts[i]))
      return known.all;
    const all = (isLasting ? this.#memory?.of(parts) : undefined) ?? joined(parts);
    this.#known.set(last, { parts, all });
    return all;
  }

  /** Values of such times; not to be changed. Those of one part are its own. */
  valuesOf(parts: readonly Float64Array[], isLasting: boolean): Float64Array {
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    return (isLasting ? this.#memory?.of(parts) : undefined) ?? joined(parts);
  }
}

/** A copy of all parts, one behind the other. */
export function joined(parts: readonly Float64Array[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
