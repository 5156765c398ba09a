/** The numbers of an epoch that are lost, as spans in order without overlaps. */
import { canJoin, joinSpans, type Span } from './span.ts';

export class Gaps {
  #spans: Span[] = [];

  /** @param spans in order, without overlaps */
  constructor(spans: readonly Span[] = []) {
    this.#spans = [...spans];
  }

  get all(): readonly Span[] {
    return this.#spans;
  }

  get first(): Span | undefined {
    return this.#spans[0];
  }

  /** The gap that this number lies in. */
  at(seq: number): Span | undefined {
    return this.#spans.find(({ from, to }) => from <= seq && seq <= to);
  }

  /** Adds a gap, joined with the one in front of it where one record can declare both; returns the result. */
  add(span: Span): Span {
    const index = this.#spans.findLastIndex(({ from }) => from < span.from);
    const before = this.#spans[index];
    if (before === undefined || !canJoin(before, span)) {
      this.#spans.splice(index + 1, 0, span);
      return span;
    }
    const joined = joinSpans(before, span);
    this.#spans[index] = joined;
    return joined;
  }

  /** Adds a gap in which others may lie already: what their parts had is not known one by one, so it is one loss. */
  cover(span: Span): void {
    if (this.#spans.some(({ from, to }) => from <= span.from && span.to <= to)) return;
    const inside = this.#spans.filter(({ from, to }) => from <= span.to && to >= span.from);
    const from = Math.min(span.from, ...inside.map((gap) => gap.from));
    const to = Math.max(span.to, ...inside.map((gap) => gap.to));
    const through = to === span.to ? span.through : (inside.at(-1)?.through ?? span.through);
    const outside = this.#spans.filter((gap) => !inside.includes(gap));
    this.#spans = [...outside, { ...span, from, to, through }].sort((left, right) => left.from - right.from);
  }

  replace(gap: Span, replacement: Span): void {
    this.#spans = this.#spans.map((each) => (each === gap ? replacement : each));
  }

  /** Takes out those that begin in a range. */
  take({ from, to }: { readonly from: number; readonly to: number }): readonly Span[] {
    const isInside = (gap: Span): boolean => from <= gap.from && gap.from <= to;
    const taken = this.#spans.filter(isInside);
    if (taken.length > 0) this.#spans = this.#spans.filter((gap) => !isInside(gap));
    return taken;
  }
}
