/** Counts the regular expressions of one request. */
import { patternSizeOf, UNROLLED_MAX } from '../storage/matcher.ts';

/** Most regular expressions in all selectors of a request. */
const REQUEST_PATTERNS_MAX = 500;

/** How many there are so far, and how large. One for all selectors of a query, or of the parameters `match[]`. */
export class PatternTally {
  #count = 0;
  #unrolled = 0;

  /** Counts a pattern; what is wrong when it is one too many, or with those before too large. */
  add(pattern: string): string | undefined {
    this.#count++;
    this.#unrolled += patternSizeOf(pattern).unrolled;
    if (this.#count > REQUEST_PATTERNS_MAX) return `more than ${REQUEST_PATTERNS_MAX} regular expressions`;
    return this.#unrolled > UNROLLED_MAX ? 'error parsing regexp: expression too large' : undefined;
  }
}
