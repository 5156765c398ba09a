/** How large a regular expression becomes when its counted repeats are unrolled, without unrolling it. */

/** The size of a pattern. */
export interface PatternSize {
  /** Of what it is compiled to. Each takes some 100 bytes, and is looked at for each character of a text if need be. */
  readonly steps: number;
  /** Steps that come of repeats, `x{3}`, beyond one for each character of the pattern. */
  readonly unrolled: number;
}

/**
 * In one pass over the text; some size where the pattern is not valid RE2.
 * Source: RE2, `re2/simplify.cc`, SimplifyRepeat: `x{2,5}` becomes `xx(x(x(x)?)?)?`.
 */
export function sizeOf(pattern: string): PatternSize {
  /** The groups that are open, outermost first: the steps in front of each, and those that it takes itself. */
  const groups: { readonly before: number; readonly own: number }[] = [];
  let before = 0;
  /** Steps of what a repeat would repeat. */
  let last = 0;
  for (const [piece, least, most] of pattern.matchAll(PIECE)) {
    if (least !== undefined) {
      last = repeated(last, timesOf(least), most);
    } else if (piece.startsWith('(')) {
      const isCaptured = piece === '(' || piece.endsWith('>');
      groups.push({ before: before + last, own: isCaptured ? 2 : 0 });
      [before, last] = [0, 0];
    } else if (piece === ')') {
      const group = groups.pop() ?? { before: 0, own: 0 };
      last += before + group.own;
      ({ before } = group);
    } else {
      // In quoted text the last character is what a repeat repeats.
      before += last + (piece.startsWith(QUOTED) ? piece.length - 1 : 0);
      last = 1;
    }
  }
  const steps = groups.reduce((sum, group) => sum + group.before, before + last);
  return { steps, unrolled: Math.max(0, steps - pattern.length) };
}

const QUOTED = String.raw`\Q`;

/**
 * Quoted text, an escape, a class, a repeat, the beginning of a group, or any other character. What is never closed reaches to
 * the end, so that no text is walked over more than once.
 */
const PIECE =
  /\\Q.*?(?:\\E|$)|\\(?:x\{\w{0,8}\}|p\{\w{0,40}\}|.)|\[\^?\]?(?:\[:\^?\w+:\]|\\(?:.|$)|[^\]\\])*(?:\]|$)|\{(\d+)(,\d*)?\}|\((?:\?(?:P?<\w+>|[-\w]*:?))?|./gisu;

/** RE2 allows no more repeats, of groups within each other together. */
const TIMES_MAX = 1_000;

function timesOf(digits: string): number {
  return Math.min(Number(digits), TIMES_MAX + 1);
}

function repeated(size: number, least: number, most: string | undefined): number {
  if (most === undefined) return size * least;
  // Without an end the last one is a loop.
  if (most === ',') return size * Math.max(least, 1) + 1;
  const times = timesOf(most.slice(1));
  // Each that may be missing takes a step of its own.
  return size * times + Math.max(0, times - least);
}
