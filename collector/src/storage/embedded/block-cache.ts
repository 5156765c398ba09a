/**
 * Columns of block files that were read lately, decoded, for threads that answer queries: a dashboard that is open asks for
 * the same hours every few seconds. Kept per file and host; hosts that were not read for longest go first.
 */
import { ConstantRows } from './constant-rows.ts';
import type { ColumnValues, Group } from './format/group.ts';
import type { RowRange } from './format/reader.ts';

/** Memory of the objects around a column or an array of times, about. */
const OVERHEAD_BYTES = 160;

/** Longer columns, those of whole weeks, would push out all others; they are read each time. */
const ROWS_MAX = 20_000;

/** A column; one that never changes is one number. */
interface KeptColumn {
  readonly values: Float64Array | number;
  readonly rowCount: number;
  readonly states: Uint8Array | undefined;
}

/** A column that has no such stream, which is as well to know without looking again. */
const ABSENT = 'absent';

class HostEntry {
  groups: readonly Group[] | undefined;
  readonly times = new Map<Group, Float64Array>();
  /** By number of the column and of its stream, and by rows. */
  readonly columns = new Map<Group, Map<string, KeptColumn | typeof ABSENT>>();
  bytes = 0;
}

/** Which rows of which column, of which stream; all rows unless said. */
export interface ColumnPlace {
  readonly index: number;
  readonly stream: number;
  readonly wanted: RowRange | undefined;
}

/** What is kept of one file. */
export interface FileCache {
  groups(hostId: string, read: () => readonly Group[] | undefined): readonly Group[] | undefined;
  times(group: Group, read: () => Float64Array | undefined): Float64Array | undefined;
  /** @param read gives `absent` for a stream that the column does not have, and undefined for what is damaged */
  column(
    group: Group,
    place: ColumnPlace,
    read: (wanted: RowRange | undefined) => ColumnValues | 'absent' | undefined,
  ): ColumnValues | undefined;
  /** The file is gone. */
  close(): void;
}

/** Results belong to the cache and are not to be changed; what could not be read is not kept. */
export class BlockCache {
  readonly #bytesMax: number;
  /** In order of use, oldest first. */
  readonly #entries = new Map<string, HostEntry>();
  /** The entry that was used last. */
  #newest: { readonly fileId: number; readonly hostId: string; readonly entry: HostEntry } | undefined;
  readonly #constants = new ConstantRows();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Memory that is in use, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param fileId never used for another file */
  ofFile(fileId: number): FileCache {
    return {
      groups: (hostId, read) => {
        const entry = this.#entry(fileId, hostId);
        if (entry.groups !== undefined) return entry.groups;
        const groups = read();
        entry.groups = groups;
        if (groups !== undefined) this.#grow(entry, groups.length * OVERHEAD_BYTES);
        return groups;
      },
      times: (group, read) => {
        const entry = this.#entry(fileId, group.hostId);
        const known = entry.times.get(group);
        if (known !== undefined) return known;
        const times = read();
        if (times === undefined) return undefined;
        entry.times.set(group, times);
        this.#grow(entry, times.byteLength + OVERHEAD_BYTES);
        return times;
      },
      column: (group, { index, stream, wanted }, read) => {
        if (group.rowCount > ROWS_MAX) return present(read(wanted));
        // As a chart moves on it looks at other rows of the same segments, which are decoded as a whole anyway.
        const rows = wanted === undefined ? undefined : wholeSegments(group, wanted);
        const entry = this.#entry(fileId, group.hostId);
        let columns = entry.columns.get(group);
        if (columns === undefined) entry.columns.set(group, (columns = new Map()));
        const key = `${index}/${stream}/${rows?.fromRow ?? ''}/${rows?.toRow ?? ''}`;
        const known = columns.get(key);
        if (known !== undefined) return known === ABSENT ? undefined : this.#unpacked(known);
        const column = read(rows);
        if (column === undefined) return undefined;
        if (column === ABSENT) {
          columns.set(key, ABSENT);
          this.#grow(entry, OVERHEAD_BYTES);
          return undefined;
        }
        const kept = packed(column);
        columns.set(key, kept);
        const valueBytes = typeof kept.values === 'number' ? 0 : kept.values.byteLength;
        this.#grow(entry, valueBytes + (kept.states?.byteLength ?? 0) + OVERHEAD_BYTES);
        return column;
      },
      close: () => {
        for (const key of this.#entries.keys()) if (key.startsWith(`${fileId}/`)) this.#drop(key);
      },
    };
  }

  #entry(fileId: number, hostId: string): HostEntry {
    // What is wanted of a host stands together, and the newest entry is the last one already.
    if (this.#newest?.fileId === fileId && this.#newest.hostId === hostId) return this.#newest.entry;
    const key = `${fileId}/${hostId}`;
    const entry = this.#entries.get(key) ?? new HostEntry();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#newest = { fileId, hostId, entry };
    return entry;
  }

  #unpacked({ values, rowCount, states }: KeptColumn): ColumnValues {
    return { values: typeof values === 'number' ? this.#constants.of(values, rowCount) : values, states };
  }

  #grow(entry: HostEntry, bytes: number): void {
    entry.bytes += bytes;
    this.#bytes += bytes;
    for (const key of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    this.#bytes -= entry?.bytes ?? 0;
    this.#entries.delete(key);
    if (this.#newest?.entry === entry) this.#newest = undefined;
  }
}

function present(column: ColumnValues | typeof ABSENT | undefined): ColumnValues | undefined {
  return column === ABSENT ? undefined : column;
}

/** The rows of all segments that have wanted ones. */
function wholeSegments({ segmentRows }: Group, { fromRow, toRow }: RowRange): RowRange {
  const whole = { fromRow: 0, toRow: 0 };
  for (const rows of segmentRows) {
    if (whole.toRow <= fromRow) whole.fromRow = whole.toRow;
    if (whole.toRow < toRow) whole.toRow += rows;
  }
  return whole;
}

function packed({ values, states }: ColumnValues): KeptColumn {
  const first = values[0] ?? Number.NaN;
  const isConstant = values.every((value) => Object.is(value, first));
  return { values: isConstant ? first : values, rowCount: values.length, states };
}
