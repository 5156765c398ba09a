/** Arrays that were read one by one as one array. */

/** Times of parts as one array; series with the same parts get the same array. */
export class JoinedTimes {
  /** By the last of the parts. */
  readonly #known = new Map<
    Float64Array,
    { readonly parts: readonly Float64Array[]; readonly all: Float64Array }
  >();

  of(parts: readonly Float64Array[]): Float64Array {
    const last = parts.at(-1);
    if (last === undefined) return new Float64Array(0);
    if (parts.length === 1) return last;
    const known = this.#known.get(last);
    if (known?.parts.length === parts.length && parts.every((part, i) => part === known.parts[i]))
      return known.all;
    const all = joined(parts);
    this.#known.set(last, { parts, all });
    return all;
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
