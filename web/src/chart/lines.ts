/** From the answers of a panel's queries to the lines of its chart. Pure. */
import type { MatrixSeries } from '../api/prometheus.ts';
import type { Colour, Panel, Trace } from './panels.ts';
import { alignToGrid } from './timeline.ts';
import type { Timeline } from './timeline.ts';

/** More lines than this cannot be told apart; the highest are kept. */
export const LINES_MAX = 8;
/** How many of the newest points may be missing before the latest value counts as not known. */
const LATEST_POINTS = 3;

/** One line. Values are those measured, also where the chart draws them below zero. */
export interface Line {
  readonly name: string;
  readonly colour: Colour;
  readonly isNegative: boolean;
  readonly isFilled: boolean;
  readonly values: readonly (number | null)[];
}

export interface PanelLines {
  readonly lines: readonly Line[];
  /** How many lines were left out. */
  readonly omittedCount: number;
}

/** The lines of a panel; `answers[i]` belongs to `panel.traces[i]`. Series without a single value are left out. */
export function linesOf(
  panel: Panel,
  answers: readonly (readonly MatrixSeries[])[],
  timeline: Timeline,
): PanelLines {
  let omittedCount = 0;
  const lines = panel.traces.flatMap((trace, index) => {
    const all = traceLines(trace, answers[index] ?? [], timeline).filter((one) => one.values.some(isNumber));
    const kept = highest(all);
    omittedCount += all.length - kept.length;
    return trace.kind === 'line' ? kept : kept.map((one, place) => ({ ...one, colour: colourAt(place) }));
  });
  return { lines, omittedCount };
}

function traceLines(trace: Trace, series: readonly MatrixSeries[], timeline: Timeline): readonly Line[] {
  const isNegative = trace.isNegative ?? false;
  const values = (one: MatrixSeries): readonly (number | null)[] => alignToGrid(one.points, timeline);
  if (trace.kind === 'line') {
    const { name, colour, isFilled = false } = trace;
    return series.slice(0, 1).map((one) => ({ name, colour, isNegative, isFilled, values: values(one) }));
  }
  const rank = (name: string): number => {
    const place = trace.firstValues.indexOf(name);
    return place === -1 ? trace.firstValues.length : place;
  };
  return series
    .map((one) => ({
      name: labelOf(one, trace.label),
      colour: colourAt(0),
      isNegative,
      isFilled: false,
      values: values(one),
    }))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

function labelOf(series: MatrixSeries, label: string): string {
  return (Object.hasOwn(series.labels, label) ? series.labels[label] : undefined) ?? '';
}

/** The `LINES_MAX` lines with the largest values, in the order given. */
function highest(lines: readonly Line[]): readonly Line[] {
  if (lines.length <= LINES_MAX) return lines;
  const byPeak = [...lines].sort((a, b) => (summaryOf(b).max ?? 0) - (summaryOf(a).max ?? 0));
  const kept = new Set(byPeak.slice(0, LINES_MAX));
  return lines.filter((one) => kept.has(one));
}

const PALETTE = [1, 2, 3, 4, 5, 6, 7, 8] as const satisfies readonly Colour[];

function colourAt(place: number): Colour {
  return PALETTE[place % PALETTE.length] ?? 1;
}

/** Latest, smallest and largest value of a line; `null` when there is none, or the latest is missing. */
export interface Summary {
  readonly latest: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** What a reader of the table gets instead of the picture. */
export function summaryOf(line: Line): Summary {
  const known = line.values.filter(isNumber);
  if (known.length === 0) return { latest: null, min: null, max: null };
  return {
    latest: line.values.slice(-LATEST_POINTS).findLast(isNumber) ?? null,
    min: known.reduce((a, b) => Math.min(a, b)),
    max: known.reduce((a, b) => Math.max(a, b)),
  };
}

/**
 * The heights at which to draw the lines: as they are, below zero, or piled up. A pile has a gap where no line has a
 * value; where only some have one, the others add nothing.
 */
export function heightsOf(
  lines: readonly Line[],
  isStacked: boolean,
): readonly (readonly (number | null)[])[] {
  if (!isStacked) return lines.map((one) => (one.isNegative ? one.values.map(negated) : one.values));
  const length = lines[0]?.values.length ?? 0;
  const hasValue = Array.from({ length }, (_point, index) =>
    lines.some((one) => isNumber(one.values[index])),
  );
  const pile = Array.from({ length }, () => 0);
  return lines.map((one) =>
    one.values.map((value, index) => {
      const height = (pile[index] ?? 0) + (value ?? 0);
      pile[index] = height;
      return hasValue[index] === true ? height : null;
    }),
  );
}

function negated(value: number | null): number | null {
  return value === null ? null : 0 - value;
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}
