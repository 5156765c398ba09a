/** A panel as we describe it: what it shows, what to do about it, and how large it is. */
import type { Query } from './query.ts';

/** Colours of a value: the first from the bottom up, each next one from its limit on. */
export interface Scale {
  readonly base: Colour;
  readonly steps: readonly (readonly [from: number, colour: Colour])[];
}

export type Colour = 'green' | 'orange' | 'red' | 'blue' | 'text' | 'transparent';

/** A table's column; `query` keeps the label that rows are joined by. */
export interface Column {
  readonly title: string;
  readonly unit: Unit;
  readonly query: Query;
  readonly scale?: Scale;
  /** Drawn as a bar between 0 and this. */
  readonly barMax?: number;
  readonly texts?: Texts;
  /** The query is there for its labels; its values say nothing. */
  readonly isHidden?: boolean;
}

/** Numbers that stand for words. */
export type Texts = Readonly<Record<string, readonly [text: string, colour: Colour]>>;

/** Units of Grafana that our boards use; its own list is `getValueFormats()` of @grafana/data. */
export const UNITS = [
  'none',
  'short',
  'percent',
  'percentunit',
  'bytes',
  'Bps',
  'bps',
  'pps',
  'iops',
  'ops',
  's',
  'dtdurations',
  'dateTimeAsIso',
  'dateTimeFromNow',
  'celsius',
  'rotrpm',
  'hertz',
  'watt',
  'volt',
] as const;

export type Unit = (typeof UNITS)[number];

interface Common {
  readonly title: string;
  /** What the panel shows, and what to do when it is red. */
  readonly help: string;
  /** Columns of 24. */
  readonly width: number;
  /** Lines of about 30 pixels. */
  readonly height: number;
}

interface Figures extends Common {
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly scale?: Scale;
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
  readonly texts?: Texts;
}

/** Lines over time. */
export interface Chart extends Figures {
  readonly kind: 'chart';
  readonly isStacked?: boolean;
  /** Pattern of the legends that are drawn below zero. */
  readonly below?: string;
  /** Opens the board of the host that the label `instance` of a line names. */
  readonly linksToHost?: boolean;
}

/** One number, a dial, or a bar each: the present value. */
export interface Figure extends Figures {
  readonly kind: 'number' | 'dial' | 'bars';
}

/** Coloured stretches over time. */
export interface Timeline extends Figures {
  readonly kind: 'timeline';
}

export interface Table extends Common {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  /** Labels that are columns of their own, by name, and their titles in order. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where a click on a label leads, by its name; `instance` leads to the board of the host. */
  readonly links?: Readonly<Record<string, { readonly title: string; readonly url: string }>>;
  readonly sortBy: string;
  readonly isDescending?: boolean;
}

/** A paragraph in Markdown. */
export interface Note extends Common {
  readonly kind: 'note';
  readonly text: string;
}

export type Panel = Chart | Figure | Timeline | Table | Note;

type Without<T, Key extends string> = T extends unknown ? Omit<T, Key> : never;

/** A chart of a third of the width. */
export function chart(given: Omit<Chart, 'kind' | 'width' | 'height'> & Partial<Size>): Chart {
  return { kind: 'chart', width: 8, height: 8, ...given };
}

export function timeline(given: Omit<Timeline, 'kind' | 'width' | 'height'> & Partial<Size>): Timeline {
  return { kind: 'timeline', width: 24, height: 8, ...given };
}

export function table(given: Omit<Table, 'kind' | 'width' | 'height'> & Partial<Size>): Table {
  return { kind: 'table', width: 24, height: 10, ...given };
}

export function note(given: Omit<Note, 'kind' | 'width' | 'height'> & Partial<Size>): Note {
  return { kind: 'note', width: 24, height: 4, ...given };
}

type FigureParts = Without<Figure, 'kind' | 'width' | 'height'> & Partial<Size>;

export function number(given: FigureParts): Figure {
  return { kind: 'number', width: 4, height: 4, ...given };
}

export function dial(given: FigureParts): Figure {
  return { kind: 'dial', width: 3, height: 5, ...given };
}

export function bars(given: FigureParts): Figure {
  return { kind: 'bars', width: 6, height: 8, ...given };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Green, orange from `warn`, red from `bad`. */
export function rising(warn: number, bad: number): Scale {
  return {
    base: 'green',
    steps: [
      [warn, 'orange'],
      [bad, 'red'],
    ],
  };
}

/** Red, orange from `bad`, green from `warn`. */
export function falling(bad: number, warn: number): Scale {
  return {
    base: 'red',
    steps: [
      [bad, 'orange'],
      [warn, 'green'],
    ],
  };
}

/** Green at nought and red from one on. */
export const NONE_WANTED: Scale = { base: 'green', steps: [[1, 'red']] };
/** No judgement. */
export const PLAIN: Scale = { base: 'blue', steps: [] };
