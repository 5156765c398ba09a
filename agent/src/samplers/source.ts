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
