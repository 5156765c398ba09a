/** Rows of one host and one schema, as the writer of a block file takes them and the reader gives them back. */
import type { Chunk } from './chunk.ts';

/** One series of a group. */
export interface Column {
  /** STATE (see ../block.ts) per row; undefined when all are present. */
  readonly states: Uint8Array | undefined;
  /**
   * One array per stream of the block's resolution (see STREAMS), each with one value per row; undefined for a stream
   * that the column does not have, such as the increase of a gauge. What stands at a row that is not present is ignored.
   */
  readonly streams: readonly (Float64Array | undefined)[];
}

/** What is to be written. The arrays are read at once and not kept. */
export interface GroupColumns {
  /** Agent id, 32 hexadecimal digits. */
  readonly hostId: string;
  /** SHA-256 of the schema, 64 hexadecimal digits. */
  readonly schemaHash: string;
  /** UTC milliseconds of each row, whole and strictly rising; at least one, at most FORMAT_LIMITS.groupRows. */
  readonly timesMs: Float64Array;
  /** In the schema's order; at least one. */
  readonly columns: readonly Column[];
}

/** A raw column whose values stay encoded. */
export interface PackedColumn {
  /** As in `Column`, for all rows of the group. */
  readonly states: Uint8Array | undefined;
  /** The values of each segment; its bytes are empty when no row of the segment is present. */
  readonly segments: readonly Chunk[];
}

/** Raw rows to be written, whose values were encoded before, a run of rows at a time. */
export interface PackedGroup extends Pick<GroupColumns, 'hostId' | 'schemaHash' | 'timesMs'> {
  /** Rows of each segment, in order of time; together they are all rows. */
  readonly segmentRows: readonly number[];
  /** In the schema's order; at least one. */
  readonly columns: readonly PackedColumn[];
}

/** What the directory of a block file says about a group. */
export interface Group {
  readonly hostId: string;
  readonly schemaHash: string;
  /** Rows, hence times. */
  readonly rowCount: number;
  readonly columnCount: number;
  /** Present values and stale markers of all columns (of one stream). */
  readonly sampleCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Rows of each segment, in order of time: runs of rows whose values are encoded apart. */
  readonly segmentRows: readonly number[];
}

/** A stream of a column. */
export interface ColumnValues {
  /** One per row; NaN where the row is not present. */
  readonly values: Float64Array;
  /** STATE per row; undefined when all are present. */
  readonly states: Uint8Array | undefined;
}
