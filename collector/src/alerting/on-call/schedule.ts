/**
 * Who is on call. Pure. Handovers are wall times, so that a shift begins at nine all year round; what counts is always
 * the moment that a wall time stands for, so that no change of the clocks makes a gap or an overlap.
 */
import { instantOf, wallTimeOf } from './zone.ts';

/** Hours of a week in which a layer counts. */
export interface Hours {
  /** The days on which it begins, 0 for Monday to 6 for Sunday. */
  readonly days: ReadonlySet<number>;
  /** From midnight, in milliseconds. */
  readonly fromMs: number;
  /** From midnight, in milliseconds; at or before `fromMs` it means the next day. */
  readonly toMs: number;
}

/** People who take turns. */
export interface Layer {
  readonly name: string;
  /** At least one. */
  readonly people: readonly string[];
  /** A wall time at which the first of them takes over; the turns go on before and after it. */
  readonly startWallMs: number;
  /** Length of a turn in wall time, at least an hour. */
  readonly shiftMs: number;
  /** Empty for always. */
  readonly hours: readonly Hours[];
}

/** Somebody stands in, whatever the layers say. */
export interface Override {
  readonly person: string;
  /** UTC milliseconds; the end does not belong to it. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Schedule {
  readonly name: string;
  readonly timeZone: string;
  /** A later layer goes before an earlier one where it counts. */
  readonly layers: readonly Layer[];
  /** A later one goes before an earlier one. */
  readonly overrides: readonly Override[];
}

/** A span in which one person is on call. */
export interface Shift {
  readonly person: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** More than the clocks of any zone were ever moved at once (a whole day, in Samoa). */
const ZONE_JUMP_MS_MAX = 26 * HOUR_MS;

/** The person on call at a moment, UTC milliseconds; `null` when the schedule has a gap there. */
export function onCallAt(schedule: Schedule, timeMs: number): string | null {
  const override = schedule.overrides.findLast(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs);
  if (override !== undefined) return override.person;
  const layer = schedule.layers.findLast((one) => isCounting(one, schedule.timeZone, timeMs));
  return layer === undefined ? null : personOf(layer, schedule.timeZone, timeMs);
}

/**
 * Who is on call from `fromMs` to `toMs`, in order, cut to that span; neighbours of one person are one shift, gaps are
 * left out. The cost grows with the number of handovers in the span.
 */
export function shiftsBetween(schedule: Schedule, fromMs: number, toMs: number): readonly Shift[] {
  const moments = new Set([fromMs, toMs]);
  const note = (timeMs: number): void => {
    if (timeMs > fromMs && timeMs < toMs) moments.add(timeMs);
  };
  for (const override of schedule.overrides) {
    note(override.fromMs);
    note(override.toMs);
  }
  for (const layer of schedule.layers) {
    for (const handoverMs of handovers(layer, schedule.timeZone, fromMs, toMs)) note(handoverMs);
    for (const window of windows(layer, schedule.timeZone, fromMs, toMs)) {
      note(window.fromMs);
      note(window.toMs);
    }
  }
  const shifts: Shift[] = [];
  const sorted = [...moments].sort((a, b) => a - b);
  for (const [i, startMs] of sorted.entries()) {
    const endMs = sorted[i + 1];
    const person = endMs === undefined ? null : onCallAt(schedule, startMs);
    if (endMs === undefined || person === null) continue;
    const last = shifts.at(-1);
    if (last?.person === person && last.toMs === startMs)
      shifts[shifts.length - 1] = { ...last, toMs: endMs };
    else shifts.push({ person, fromMs: startMs, toMs: endMs });
  }
  return shifts;
}

/** The one person of a layer whose turn it is, whether or not the layer counts then. */
export function personOf(layer: Layer, zone: string, timeMs: number): string {
  const { people } = layer;
  const turn = turnAt(layer, zone, timeMs);
  const person = people[((turn % people.length) + people.length) % people.length];
  if (person === undefined) throw new TypeError(`layer ${layer.name} has nobody in it`);
  return person;
}

/** The number of the turn that began last: the largest whose beginning is not after `timeMs`. */
function turnAt(layer: Layer, zone: string, timeMs: number): number {
  const latestWallMs = wallTimeOf(timeMs, zone) + ZONE_JUMP_MS_MAX;
  let turn = Math.floor((latestWallMs - layer.startWallMs) / layer.shiftMs);
  while (instantOf(layer.startWallMs + turn * layer.shiftMs, zone) > timeMs) turn -= 1;
  return turn;
}

function* handovers(layer: Layer, zone: string, fromMs: number, toMs: number): Generator<number> {
  if (layer.people.length < 2) return;
  const untilWallMs = wallTimeOf(toMs, zone) + ZONE_JUMP_MS_MAX;
  for (let turn = turnAt(layer, zone, fromMs); ; turn += 1) {
    const wallMs = layer.startWallMs + turn * layer.shiftMs;
    if (wallMs > untilWallMs) return;
    yield instantOf(wallMs, zone);
  }
}

function isCounting(layer: Layer, zone: string, timeMs: number): boolean {
  if (layer.hours.length === 0) return true;
  for (const { fromMs, toMs } of windows(layer, zone, timeMs, timeMs)) {
    if (fromMs <= timeMs && timeMs < toMs) return true;
  }
  return false;
}

/** The spans in which a layer with hours counts and that may touch the span from `fromMs` to `toMs`. */
function* windows(layer: Layer, zone: string, fromMs: number, toMs: number) {
  if (layer.hours.length === 0) return;
  const firstDayMs = Math.floor((wallTimeOf(fromMs, zone) - ZONE_JUMP_MS_MAX) / DAY_MS - 1) * DAY_MS;
  const lastDayMs = wallTimeOf(toMs, zone) + ZONE_JUMP_MS_MAX;
  for (let dayMs = firstDayMs; dayMs <= lastDayMs; dayMs += DAY_MS) {
    // The first day of 1970 was a Thursday.
    const weekday = (((dayMs / DAY_MS + 3) % 7) + 7) % 7;
    for (const { days, ...hours } of layer.hours) {
      if (!days.has(weekday)) continue;
      const endMs = hours.toMs > hours.fromMs ? hours.toMs : hours.toMs + DAY_MS;
      yield { fromMs: instantOf(dayMs + hours.fromMs, zone), toMs: instantOf(dayMs + endMs, zone) };
    }
  }
}
