/** What `Readings` remembers of a file from tick to tick, so that one that did not change is not parsed again. */

/** What one call of `addFrom` added in the tick before. */
export interface Source {
  path: string;
  content: Buffer;
  length: number;
  from: number;
  to: number;
  unknown: number;
  limit: number;
  /** Number of that tick. */
  tick: number;
}

/** Before the first tick; to be copied. */
export const NO_SOURCE: Source = {
  path: '',
  content: Buffer.alloc(0),
  length: 0,
  from: 0,
  to: 0,
  unknown: 0,
  limit: 0,
  tick: 0,
};

/** What one call of `addLines` added in the tick before, line by line. */
export interface LinesSource {
  path: string;
  text: string;
  /** How many values there were in front of it. */
  from: number;
  /** Per line where the text goes on behind it … */
  readonly ends: number[];
  /** … how many values there were behind it … */
  readonly tos: number[];
  /** … and 1 when it must be parsed again, for it added something else than values. */
  readonly hasOther: number[];
  /**
   * Per line, the one behind those that stood as they were together with it, when it was the first of them; 0 for all others.
   * Compared together they cost as much as one.
   */
  readonly runs: number[];
  /** Lines of the text. */
  lineCount: number;
  /** Number of that tick. */
  tick: number;
}

/** Before the first tick. */
export function noLines(): LinesSource {
  return { path: '', text: '', from: 0, ends: [], tos: [], hasOther: [], runs: [], lineCount: 0, tick: 0 };
}
