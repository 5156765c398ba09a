/** Counts the regular expressions of one request. */
import { isPlainPattern, patternSizeOf, patternWeightOf, UNROLLED_MAX } from '../../storage/matcher.ts';

/** Most regular expressions in all selectors of a request. */
const REQUEST_PATTERNS_MAX = 500;

/** Most of what those that need the engine weigh together. To compile so much takes up to 0.5 s, which cannot be broken off. */
const REQUEST_WEIGHT_MAX = 65_536;

/** How many there are so far, and how large. One for all selectors of a query, or of the parameters `match[]`. */
export class PatternTally {
  readonly #weightMax: number;
  #count = 0;
  #unrolled = 0;
  #weight = 0;

  /** @param weightMax less where patterns are matched on the event loop */
  constructor(weightMax = REQUEST_WEIGHT_MAX) {
    this.#weightMax = weightMax;
  }

  /** Counts a pattern; what is wrong when it is one too many, or with those before too large. */
  add(pattern: string): string | undefined {
    this.#count++;
    if (this.#count > REQUEST_PATTERNS_MAX) return `more than ${REQUEST_PATTERNS_MAX} regular expressions`;
    if (isPlainPattern(pattern)) return undefined;
    this.#unrolled += patternSizeOf(pattern).unrolled;
    this.#weight += patternWeightOf(pattern);
    const isTooLarge = this.#unrolled > UNROLLED_MAX || this.#weight > this.#weightMax;
    return isTooLarge ? 'error parsing regexp: expression too large' : undefined;
  }
}
