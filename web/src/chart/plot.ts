/** The options of uPlot for a panel: everything about the look of a chart that is not in the style sheet. */
import type uPlot from 'uplot';
import type { Line } from './lines.ts';
import { heightsOf } from './lines.ts';
import { UNITS } from './panels.ts';
import type { Colour, Panel } from './panels.ts';
import { gridOf } from './timeline.ts';
import type { Timeline } from './timeline.ts';

/** Colours as the canvas takes them, resolved from the style sheet for the present theme. */
export interface ChartColours {
  readonly grid: string;
  readonly text: string;
  line(colour: Colour): string;
  /** The colour at this share of its full strength. */
  fill(colour: Colour, percent: number): string;
}

export interface PlotParts {
  readonly panel: Panel;
  readonly lines: readonly Line[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly colours: ChartColours;
  /** The timeline of the data that is drawn next. */
  timeline(): Timeline;
  /** The point of the grid under the crosshair, `null` when there is none. */
  onCursor(index: number | null): void;
}

/** Charts with one key move their crosshairs together, by time. */
const SYNC_KEY = 'host';
const FONT = '11px system-ui, sans-serif';
const Y_AXIS_WIDTH_PX = 62;
const X_AXIS_HEIGHT_PX = 24;
const FILL_PERCENT = 20;
const PILE_FILL_PERCENT = 55;

/** Options for `new uPlot`. */
export function plotOptions(parts: PlotParts): uPlot.Options {
  const { panel, lines, colours } = parts;
  const axis = {
    stroke: colours.text,
    font: FONT,
    ticks: { show: false },
    grid: { stroke: colours.grid, width: 1 },
  };
  return {
    width: parts.widthPx,
    height: parts.heightPx,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC_KEY, scales: ['x', null] },
      drag: { x: false, y: false },
      y: false,
      points: { size: 6 },
    },
    scales: {
      x: { time: true, range: () => [parts.timeline().startS, parts.timeline().endS] },
      y: { range: (_plot, min, max) => yRange(panel, min, max) },
    },
    axes: [
      {
        ...axis,
        size: X_AXIS_HEIGHT_PX,
        space: 64,
        values: (_plot, times, _axis, _space, stepS) => times.map((time) => timeLabel(time, stepS)),
      },
      {
        ...axis,
        size: Y_AXIS_WIDTH_PX,
        space: 28,
        ...(panel.unit === 'bytes' ? { incrs: BINARY_STEPS } : {}),
        values: (_plot, values) => values.map((value) => valueLabel(panel, value)),
      },
    ],
    series: [{}, ...lines.map((line) => seriesOf(panel, line, colours))],
    bands: panel.isStacked
      ? lines
          .slice(1)
          .map((_line, index) => ({ series: [index + 2, index + 1] as const }))
          .map(toBand)
      : [],
    hooks: { setCursor: [(plot) => parts.onCursor(plot.cursor.idx ?? null)] },
  };
}

/** The data in uPlot's form: the times, then one row of heights per line. */
export function plotData(panel: Panel, lines: readonly Line[], timeline: Timeline): uPlot.AlignedData {
  const heights = heightsOf(lines, panel.isStacked);
  return [[...gridOf(timeline)], ...heights.map((row) => [...row])];
}

// Each band fills the space between a line of the pile and the one below it.
function toBand({ series: [upper, lower] }: { readonly series: readonly [number, number] }): uPlot.Band {
  return { series: [upper, lower] };
}

function seriesOf(panel: Panel, line: Line, colours: ChartColours): uPlot.Series {
  const isReference = line.colour === 'reference';
  const isFilled = panel.isStacked || line.isFilled;
  return {
    label: line.name,
    stroke: colours.line(line.colour),
    width: panel.isStacked ? 1 : 1.5,
    spanGaps: false,
    points: { show: false },
    ...(isReference ? { dash: [5, 4], width: 1 } : {}),
    ...(isFilled
      ? { fill: colours.fill(line.colour, panel.isStacked ? PILE_FILL_PERCENT : FILL_PERCENT) }
      : {}),
  };
}

function yRange(panel: Panel, min: number | null, max: number | null): [number, number] {
  const top = Math.max(max ?? 0, 0);
  const bottom = Math.min(min ?? 0, 0);
  const isRatioInReach = panel.unit === 'ratio' && top <= panel.reach;
  const upper = isRatioInReach ? panel.reach : Math.max(top * 1.06, panel.reach);
  // A mirrored chart of small values keeps its zero line in the middle.
  const lower = bottom < 0 ? Math.min(bottom * 1.06, -panel.reach) : 0;
  return upper === lower ? [0, 1] : [lower, upper];
}

const BINARY_STEPS: number[] = Array.from({ length: 60 }, (_step, power) => 2 ** power);

function valueLabel(panel: Panel, value: number): string {
  return value === 0 ? '0' : UNITS[panel.unit](Math.abs(value));
}

const DAY_S = 86_400;
const dayFormat = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' });
const minuteFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

function timeLabel(timeS: number, stepS: number): string {
  const at = new Date(timeS * 1000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return stepS >= DAY_S || isMidnight ? dayFormat.format(at) : minuteFormat.format(at);
}
