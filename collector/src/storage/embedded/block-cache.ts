/**
 * Columns of block files that were read lately, decoded, for threads that answer queries: a dashboard that is open asks for
 * the same hours every few seconds. Kept per file and host; hosts that were not read for longest go first.
 */
import type { ColumnValues, Group } from './format/group.ts';

/** Memory of the objects around a column or an array of times, about. */
const OVERHEAD_BYTES = 160;

/** A column; one that never changes is one number. */
interface KeptColumn {
  readonly values: Float64Array | number;
  readonly rowCount: number;
  readonly states: Uint8Array | undefined;
}

class HostEntry {
  groups: readonly Group[] | undefined;
  readonly times = new Map<Group, Float64Array>();
  /** By number of the column and of its stream. */
  readonly columns = new Map<Group, Map<string, KeptColumn>>();
  bytes = 0;
}

/** What is kept of one file. */
export interface FileCache {
  groups(hostId: string, read: () => readonly Group[] | undefined): readonly Group[] | undefined;
  times(group: Group, read: () => Float64Array | undefined): Float64Array | undefined;
  column(
    group: Group,
    place: { readonly index: number; readonly stream: number },
    read: () => ColumnValues | undefined,
  ): ColumnValues | undefined;
  /** The file is gone. */
  close(): void;
}

/** Results belong to the cache and are not to be changed; what could not be read is not kept. */
export class BlockCache {
  readonly #bytesMax: number;
  /** In order of use, oldest first. */
  readonly #entries = new Map<string, HostEntry>();
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
      column: (group, { index, stream }, read) => {
        const entry = this.#entry(fileId, group.hostId);
        let columns = entry.columns.get(group);
        if (columns === undefined) entry.columns.set(group, (columns = new Map()));
        const key = `${index}/${stream}`;
        const known = columns.get(key);
        if (known !== undefined) return unpacked(known);
        const column = read();
        if (column === undefined) return undefined;
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
    const key = `${fileId}/${hostId}`;
    const entry = this.#entries.get(key) ?? new HostEntry();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
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
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

function packed({ values, states }: ColumnValues): KeptColumn {
  const first = values[0] ?? Number.NaN;
  const isConstant = values.every((value) => Object.is(value, first));
  return { values: isConstant ? first : values, rowCount: values.length, states };
}

function unpacked({ values, rowCount, states }: KeptColumn): ColumnValues {
  return { values: typeof values === 'number' ? new Float64Array(rowCount).fill(values) : values, states };
}
