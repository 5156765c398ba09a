/** Which rows of a long list are in the document. Pure; `use-window.ts` feeds it. */

/** Lists up to this length are in the document as a whole, so that the browser's own search finds everything. */
export const WHOLE_LIST_ROWS_MAX = 120;
/** Rows kept ready above and below the visible ones. */
const OVERSCAN_ROWS = 10;
/** The window moves in steps of this many rows, so that most scrolling changes nothing. */
const STEP_ROWS = 4;

/** Rows `first` (included) to `end` (excluded) of the list. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/**
 * The rows to render. `topPx` is the top of the list relative to the top of the viewport (negative once it is scrolled
 * past); all rows have the same height.
 */
export function windowOf(view: {
  readonly rowCount: number;
  readonly rowHeightPx: number;
  readonly topPx: number;
  readonly viewportPx: number;
}): RowWindow {
  const { rowCount, rowHeightPx, topPx, viewportPx } = view;
  if (rowCount <= WHOLE_LIST_ROWS_MAX || rowHeightPx <= 0)
    return { first: 0, end: Math.min(rowCount, WHOLE_LIST_ROWS_MAX) };
  const firstVisible = Math.floor(-topPx / rowHeightPx);
  const endVisible = Math.ceil((viewportPx - topPx) / rowHeightPx);
  const first = Math.floor((firstVisible - OVERSCAN_ROWS) / STEP_ROWS) * STEP_ROWS;
  const end = Math.ceil((endVisible + OVERSCAN_ROWS) / STEP_ROWS) * STEP_ROWS;
  return { first: clamp(first, rowCount), end: clamp(end, rowCount) };
}

/** A row, or the space that stands for `rowCount` rows. */
export type Slot =
  { readonly kind: 'row'; readonly index: number } | { readonly kind: 'gap'; readonly rowCount: number };

/**
 * The window as rows and gaps, in order and together as high as the whole list. The row `keptIndex` (the one with the
 * focus; -1 for none) stays a row wherever it is.
 */
export function slotsOf(rowCount: number, { first, end }: RowWindow, keptIndex: number): readonly Slot[] {
  const slots: Slot[] = [];
  let next = 0;
  const addRows = (from: number, to: number): void => {
    if (from >= to) return;
    if (from > next) slots.push({ kind: 'gap', rowCount: from - next });
    for (let index = from; index < to; index++) slots.push({ kind: 'row', index });
    next = to;
  };
  const isKeptApart = keptIndex >= 0 && keptIndex < rowCount && (keptIndex < first || keptIndex >= end);
  if (isKeptApart && keptIndex < first) addRows(keptIndex, keptIndex + 1);
  addRows(first, end);
  if (isKeptApart && keptIndex >= end) addRows(keptIndex, keptIndex + 1);
  if (next < rowCount) slots.push({ kind: 'gap', rowCount: rowCount - next });
  return slots;
}

function clamp(row: number, rowCount: number): number {
  return Math.min(rowCount, Math.max(0, row));
}
