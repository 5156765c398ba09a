/**
 * When a record was really taken, although its machine's wall clock may have been wrong: by the machine's boot clock, which
 * nobody can set, and by when that clock began, which each login shows. Pure; what was measured is kept with the lane.
 */
import type { WireRecord } from '@rollcall/shared/protocol/record.ts';

/** One measurement of when a machine's boot clock stood at 0. */
export interface BootTime {
  /** By the machine's boot clock: when it was measured. */
  readonly bootMs: number;
  /** By our wall clock: when the boot clock was 0. */
  readonly startMs: number;
  /** By how much `startMs` may be wrong. */
  readonly errorMs: number;
}

/** What a login told of the machine's boot clock. */
export interface BootReading {
  readonly bootId: string;
  /** What its boot clock showed between our question and its answer. */
  readonly bootMs: number;
  /** By our monotonic clock. */
  readonly askedMonoMs: number;
  readonly answeredMonoMs: number;
}

/** A wall clock that is wrong by less is not corrected: people set clocks by hand no better, and times stay as they were read. */
const WALL_ERROR_MS_MAX = 2_000;
/** The boot clock moves in steps of 10 ms, and is rounded twice. */
const READING_ERROR_MS = 20;
/** NTP slews a clock by at most 500 parts per million (adjtimex(2)), and no crystal is worse. */
const DRIFT_RATIO_MAX = 0.0005;
/** Measurements of a lane that contradict each other; the oldest goes first. */
export const BOOT_TIMES_MAX = 8;

/** @param now both of our clocks at one moment, not before the answer */
export function measureBootTime(
  { bootMs, askedMonoMs, answeredMonoMs }: BootReading,
  now: { readonly wallMs: number; readonly monoMs: number },
): BootTime {
  const roundTripMs = answeredMonoMs - askedMonoMs;
  const answeredMs = now.wallMs - (now.monoMs - answeredMonoMs);
  const startMs = Math.round(answeredMs - roundTripMs / 2 - bootMs);
  return { bootMs, startMs, errorMs: Math.ceil(roundTripMs / 2) + READING_ERROR_MS };
}

/**
 * The measurements of a boot with a new one, by `bootMs`. One that agrees with the last takes its place where it is more
 * exact; one that contradicts it stands beside it: the machine was paused, or our own clock was set.
 */
export function withBootTime(known: readonly BootTime[], fresh: BootTime): readonly BootTime[] {
  const last = known.at(-1);
  if (last === undefined) return [fresh];
  const lastErrorMs = errorAt(last, fresh.bootMs);
  if (Math.abs(fresh.startMs - last.startMs) > lastErrorMs + fresh.errorMs)
    return [...known, fresh].slice(-BOOT_TIMES_MAX);
  return fresh.errorMs <= lastErrorMs ? [...known.slice(0, -1), fresh] : known;
}

/**
 * When the record was taken: by its wall clock, unless the measurements of its boot before and after it both say that this
 * clock was wrong; then by its boot clock and the measurement before it, or the first one.
 * @param bootTimes as `withBootTime` gives them; without any, the wall clock is believed
 * @returns UTC milliseconds, never negative
 */
export function takenMs(
  { wallMs, bootMs }: Pick<WireRecord, 'wallMs' | 'bootMs'>,
  bootTimes: readonly BootTime[],
): number {
  let before: BootTime | undefined;
  let after: BootTime | undefined;
  for (const bootTime of bootTimes) {
    if (bootTime.bootMs <= bootMs) before = bootTime;
    else after ??= bootTime;
  }
  const nearest = before ?? after;
  if (nearest === undefined) return wallMs;
  const isRight = (bootTime: BootTime | undefined): boolean =>
    bootTime !== undefined &&
    Math.abs(wallMs - bootMs - bootTime.startMs) <= WALL_ERROR_MS_MAX + errorAt(bootTime, bootMs);
  return isRight(before) || isRight(after) ? wallMs : Math.max(0, nearest.startMs + bootMs);
}

/** How far a boot clock may have gone off since it was measured, or before. */
function errorAt({ bootMs, errorMs }: BootTime, atBootMs: number): number {
  return errorMs + Math.abs(atBootMs - bootMs) * DRIFT_RATIO_MAX;
}

/** For the database: `bootMs, startMs, errorMs` of each, as one list of numbers in JSON. */
export function encodeBootTimes(bootTimes: readonly BootTime[]): string {
  return JSON.stringify(bootTimes.flatMap(({ bootMs, startMs, errorMs }) => [bootMs, startMs, errorMs]));
}

/** What `encodeBootTimes` made; empty for anything else, as if nothing had been measured. */
export function decodeBootTimes(value: unknown): readonly BootTime[] {
  if (typeof value !== 'string') return [];
  const numbers = numbersOf(value);
  const bootTimes: BootTime[] = [];
  for (let at = 0; at + 2 < numbers.length; at += 3) {
    const [bootMs, startMs, errorMs] = numbers.slice(at, at + 3);
    if (bootMs === undefined || startMs === undefined || errorMs === undefined) return [];
    bootTimes.push({ bootMs, startMs, errorMs });
  }
  return bootTimes;
}

function numbersOf(json: string): readonly number[] {
  try {
    const parsed: unknown = JSON.parse(json);
    if (!Array.isArray(parsed)) return [];
    return parsed.every((entry) => Number.isSafeInteger(entry)) ? parsed.map(Number) : [];
  } catch {
    return [];
  }
}
