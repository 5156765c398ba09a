/** Where a command writes to, and how it prints tables. */

/** The terminal or pipe of a command. */
export interface Terminal {
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** Writes to standard error. */
  readonly complain: (text: string) => void;
  /** `text` in a colour when somebody looks at standard output, as it is when it is piped or NO_COLOR is set. */
  readonly paint: (colour: Colour, text: string) => string;
}

export type Colour = 'green' | 'yellow' | 'red' | 'dim';

const COLUMNS_MAX = 80;
const GAP = '  ';

/** One line of a table: short cells, then text that may be as long as it needs. */
export interface TableRow {
  readonly cells: readonly string[];
  readonly text: string;
  /** For the first cell. */
  readonly colour?: Colour;
}

/**
 * Lines of at most 80 columns: cells stand below each other, and the last text is broken at blanks and goes on below
 * itself. Words longer than its column are cut in pieces, so that hostile names cannot break the table.
 */
export function formatTable(rows: readonly TableRow[], paint: Terminal['paint']): string {
  const count = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(0, ...rows.map(({ cells }) => cells[i]?.length ?? 0)),
  );
  const indent = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  return rows.map((row) => formatRow(row, { widths, indent, paint })).join('');
}

function formatRow(
  { cells, text, colour }: TableRow,
  table: { readonly widths: readonly number[]; readonly indent: number; readonly paint: Terminal['paint'] },
): string {
  const { widths, indent, paint } = table;
  const padded = widths.map((width, i) => (cells[i] ?? '').padEnd(width));
  const [first = '', ...rest] = padded;
  const head = [colour === undefined ? first : paint(colour, first), ...rest]
    .map((cell) => cell + GAP)
    .join('');
  const lines = wrap(text, Math.max(20, COLUMNS_MAX - indent));
  return lines.map((line, i) => `${i === 0 ? head : ' '.repeat(indent)}${line}`.trimEnd() + '\n').join('');
}

function wrap(text: string, width: number): string[] {
  const pieces = text.split(/\s+/).flatMap((word) => word.match(new RegExp(`.{1,${width}}`, 'gu')) ?? []);
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces) {
    if (line !== '' && line.length + 1 + piece.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? piece : `${line} ${piece}`;
  }
  return [...lines, line];
}

/** `1 disk`, `2 disks`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A span in the largest unit that leaves it above one: `45 s`, `3 min`, `12 h`, `9 d`. */
export function spanText(spanMs: number): string {
  const seconds = Math.max(0, Math.round(spanMs / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `1.4 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let [size, unit] = [bytes, 0];
  for (; size >= 1_024 && unit < units.length - 1; unit++) size /= 1_024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit] ?? ''}`;
}
