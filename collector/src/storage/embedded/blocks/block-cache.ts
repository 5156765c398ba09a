/**
 * Columns of block files that were read lately, decoded, for threads that answer queries: a dashboard that is open asks for
 * the same hours every few seconds. Kept per file and host; hosts that were not read for longest go first.
 */
import { ConstantRows } from '../recent/constant-rows.ts';
import type { ColumnValues, Group } from '../format/group.ts';
import type { RowRange } from '../format/reader.ts';
import type { HostGroups } from './stored-groups.ts';

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

/** Streams of a column, at most; makes one number of a column's and its stream's. */
const STREAMS_MAX = 8;

/** What is kept of a group. */
class GroupEntry {
  times: Float64Array | undefined;
  /** Whole columns by their number and that of the stream. */
  readonly whole = new Map<number, KeptColumn | typeof ABSENT>();
  /** The same, and by rows. */
  readonly pieces = new Map<string, KeptColumn | typeof ABSENT>();
}

class HostEntry {
  readonly ofGroup = new Map<Group, GroupEntry>();
  groups: HostGroups | undefined;
  bytes = 0;
  /** Takes it out of its file. */
  readonly forget: () => void;

  constructor(forget: () => void) {
    this.forget = forget;
  }

  of(group: Group): GroupEntry {
    let entry = this.ofGroup.get(group);
    if (entry === undefined) this.ofGroup.set(group, (entry = new GroupEntry()));
    return entry;
  }
}

/** Which rows of which column, of which stream; all rows unless said. */
export interface ColumnPlace {
  readonly index: number;
  readonly stream: number;
  readonly wanted: RowRange | undefined;
}

/** What is kept of one file. */
export interface FileCache {
  /** @param read gives undefined for what is damaged */
  groups(hostId: string, read: () => HostGroups | undefined): HostGroups | undefined;
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
  readonly #entries = new Set<HostEntry>();
  /** The entry that was used last. */
  #newest: HostEntry | undefined;
  readonly #constants = new ConstantRows();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Memory that is in use, about. */
  get bytes(): number {
    return this.#bytes;
  }

  ofFile(): FileCache {
    const hosts = new Map<string, HostEntry>();
    return {
      groups: (hostId, read) => {
        const entry = this.#entry(hosts, hostId);
        if (entry.groups !== undefined) return entry.groups;
        const groups = read();
        entry.groups = groups;
        if (groups !== undefined) this.#grow(entry, groupCount(groups) * OVERHEAD_BYTES);
        return groups;
      },
      times: (group, read) => {
        const entry = this.#entry(hosts, group.hostId);
        const ofGroup = entry.of(group);
        if (ofGroup.times !== undefined) return ofGroup.times;
        const times = read();
        if (times === undefined) return undefined;
        ofGroup.times = times;
        this.#grow(entry, times.byteLength + OVERHEAD_BYTES);
        return times;
      },
      column: (group, { index, stream, wanted }, read) => {
        if (group.rowCount > ROWS_MAX) return present(read(wanted));
        const entry = this.#entry(hosts, group.hostId);
        // As a chart moves on it looks at other rows of the same segments, which are decoded as a whole anyway.
        const rows = wanted === undefined ? undefined : wholeSegments(group, wanted);
        const number = index * STREAMS_MAX + stream;
        const { whole, pieces } = entry.of(group);
        const key = rows === undefined ? '' : `${number}/${rows.fromRow}/${rows.toRow}`;
        const known = rows === undefined ? whole.get(number) : pieces.get(key);
        if (known !== undefined) return known === ABSENT ? undefined : this.#unpacked(known);
        const column = read(rows);
        if (column === undefined) return undefined;
        const kept = column === ABSENT ? ABSENT : packed(column);
        if (rows === undefined) whole.set(number, kept);
        else pieces.set(key, kept);
        this.#grow(entry, bytesOf(kept));
        return present(column);
      },
      close: () => {
        for (const entry of hosts.values()) this.#drop(entry);
      },
    };
  }

  #entry(hosts: Map<string, HostEntry>, hostId: string): HostEntry {
    let entry = hosts.get(hostId);
    if (entry === undefined) {
      entry = new HostEntry(() => hosts.delete(hostId));
      hosts.set(hostId, entry);
    }
    // What is wanted of a host stands together, and the newest entry is the last one already.
    if (this.#newest === entry) return entry;
    this.#entries.delete(entry);
    this.#entries.add(entry);
    this.#newest = entry;
    return entry;
  }

  #unpacked({ values, rowCount, states }: KeptColumn): ColumnValues {
    return { values: typeof values === 'number' ? this.#constants.of(values, rowCount) : values, states };
  }

  #grow(entry: HostEntry, bytes: number): void {
    // It was given up while it was read.
    if (!this.#entries.has(entry)) return;
    entry.bytes += bytes;
    this.#bytes += bytes;
    for (const oldest of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(entry: HostEntry): void {
    this.#bytes -= entry.bytes;
    this.#entries.delete(entry);
    entry.forget();
    if (this.#newest === entry) this.#newest = undefined;
  }
}

/** With those that joined ones are made of, which stay in memory with them. */
function groupCount({ all }: HostGroups): number {
  return all.reduce((count, { joined }) => count + 1 + (joined?.parts.length ?? 0), 0);
}

function bytesOf(kept: KeptColumn | typeof ABSENT): number {
  if (kept === ABSENT) return OVERHEAD_BYTES;
  const valueBytes = typeof kept.values === 'number' ? 0 : kept.values.byteLength;
  return valueBytes + (kept.states?.byteLength ?? 0) + OVERHEAD_BYTES;
}

function present(column: ColumnValues | typeof ABSENT | undefined): ColumnValues | undefined {
  return column === ABSENT ? undefined : column;
}

/** The rows of all segments that have wanted ones; undefined for all rows. */
function wholeSegments({ segmentRows, rowCount }: Group, { fromRow, toRow }: RowRange): RowRange | undefined {
  const whole = { fromRow: 0, toRow: 0 };
  for (const rows of segmentRows) {
    if (whole.toRow <= fromRow) whole.fromRow = whole.toRow;
    if (whole.toRow < toRow) whole.toRow += rows;
  }
  return whole.fromRow === 0 && whole.toRow === rowCount ? undefined : whole;
}

function packed({ values, states }: ColumnValues): KeptColumn {
  const first = values[0] ?? Number.NaN;
  const isConstant = values.every((value) => Object.is(value, first));
  return { values: isConstant ? first : values, rowCount: values.length, states };
}
