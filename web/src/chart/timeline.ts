/** The span of time that the charts show, and values laid on its grid. Pure. */

/** The ranges to choose from, shortest first. */
export const RANGES = [
  { id: '15m', label: '15 min', seconds: 900 },
  { id: '1h', label: '1 h', seconds: 3600 },
  { id: '6h', label: '6 h', seconds: 21_600 },
  { id: '24h', label: '24 h', seconds: 86_400 },
  { id: '7d', label: '7 d', seconds: 604_800 },
] as const;
export type Range = (typeof RANGES)[number];

const DEFAULT_RANGE: Range = RANGES[1];

/** The range with this id; one hour for any other word. */
export function rangeOf(id: string | undefined): Range {
  return RANGES.find((range) => range.id === id) ?? DEFAULT_RANGE;
}

/** More points than this would be narrower than the pixels they are drawn on. */
export const POINTS_MAX = 400;
/** Steps in seconds; all divide a day, so that the grid stays put from one refresh to the next. */
const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200] as const;
/** A rate over less than this finds too few samples at the agent's usual interval of ten seconds. */
const RATE_WINDOW_S_MIN = 60;

/** Whole seconds since 1970; `startS` and `endS` are multiples of `stepS`, both ends included. */
export interface Timeline {
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

/** The newest `range` that ends at or before `nowMs`, with the smallest step that keeps to `POINTS_MAX` points. */
export function timelineOf(range: Range, nowMs: number): Timeline {
  const stepS = stepOf(range);
  const endS = Math.floor(nowMs / 1000 / stepS) * stepS;
  return { startS: endS - Math.ceil(range.seconds / stepS) * stepS, endS, stepS };
}

/** The step of a range in seconds. */
export function stepOf(range: Range): number {
  return (
    STEPS_S.find((stepS) => range.seconds / stepS < POINTS_MAX) ??
    STEPS_S[STEPS_S.length - 1] ??
    range.seconds
  );
}

/** The window of `rate` for a step: four steps, so that no sample between two points is passed over. */
export function rateWindowS(stepS: number): number {
  return Math.max(4 * stepS, RATE_WINDOW_S_MIN);
}

/** The times of the grid in seconds. */
export function gridOf({ startS, endS, stepS }: Timeline): readonly number[] {
  return Array.from(
    { length: pointCount({ startS, endS, stepS }) },
    (_point, index) => startS + index * stepS,
  );
}

/**
 * The values of a series on the grid: `null` where there is none, or none that can be drawn (NaN, infinite). Points
 * beside the grid are laid on the nearest place; of two for one place the later wins; points outside are left out.
 */
export function alignToGrid(
  points: readonly (readonly [timeS: number, value: number])[],
  timeline: Timeline,
): readonly (number | null)[] {
  const values = Array.from({ length: pointCount(timeline) }, (): number | null => null);
  for (const [timeS, value] of points) {
    const index = Math.round((timeS - timeline.startS) / timeline.stepS);
    if (index >= 0 && index < values.length) values[index] = Number.isFinite(value) ? value : null;
  }
  return values;
}

function pointCount({ startS, endS, stepS }: Timeline): number {
  return Math.floor((endS - startS) / stepS) + 1;
}
