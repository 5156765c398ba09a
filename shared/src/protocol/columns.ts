/**
 * The records of a batch turned into columns: the values of each series over all ticks stand together. Nothing but the
 * batch is needed to turn them back; the layout of the blocks travels along. docs/protocol.md, "Columns", draws it.
 *
 * Longer than most files: two directions of one format are best read side by side.
 */
import { AppError } from '../lib/errors.ts';
import { ByteReader, ByteWriter, isU48, readU48 } from '../lib/varint.ts';
import { readColumn, writeColumn } from './column.ts';
import { LIMITS } from './limits.ts';
import { CODEC, RECORD_HEADER_BYTES, RECORD_KIND } from './record.ts';
import {
  BLOCK_FLAG,
  invalid,
  readBlockCount,
  readHead,
  readValues,
  writeValues,
  type Layout,
} from './samples.ts';

const CRC_BYTES = 4;
const KIND_MAX = 0xff;
const FLAGS_MAX = 0xffff;
const SCHEMA_NUMBER_MAX = 0xffff;
/** In the place of a number of blocks: the body follows as it is. */
const PLAIN_BODY = 0;
/** In the place of a table: the block follows as it is. */
const PLAIN_BLOCK = 0;

/** The blocks of one schema, a row each. The column of series i stands at `from` + i × `rows`. */
interface Table {
  readonly schemaNumber: number;
  readonly layout: Layout;
  rows: number;
  from: number;
  /** Rows that were filled or taken so far. */
  used: number;
}

/** Times and number of a record, as far as the next one is told by the difference to them. */
interface Pace {
  seq: number;
  wallMs: number;
  bootMs: number;
  wallStepMs: number;
  bootStepMs: number;
}

/**
 * The records of a batch as columns; undefined where they are too many values, or not as an agent writes them.
 * @param records with their bodies inflated, see `inflateRecord`
 * @param layoutOf the layout of a schema, see `columnLayout`; blocks of a schema that is not known are taken as they are
 */
export function toColumns(
  records: readonly Buffer[],
  layoutOf: (schemaNumber: number) => Layout | undefined,
): Buffer | undefined {
  try {
    const tables = countRows(records, layoutOf);
    const cells = new Float64Array(placeTables(tables.values()));
    const { head, crcs } = writeRecords(records, tables, cells);
    const writer = new ByteWriter();
    writeTables(writer, tables);
    for (const table of tables.values()) writeColumns(writer, table, cells);
    return Buffer.concat([writer.view(), crcs, head]);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** How many blocks there are of each known schema that have values. */
function countRows(
  records: readonly Buffer[],
  layoutOf: (schemaNumber: number) => Layout | undefined,
): Map<number, Table> {
  const tables = new Map<number, Table>();
  for (const record of records) {
    if (record[8] !== RECORD_KIND.SAMPLES) continue;
    const reader = new ByteReader(record.subarray(RECORD_HEADER_BYTES));
    for (let blocks = readBlockCount(reader); blocks > 0; blocks--) {
      const schemaNumber = reader.varint();
      const length = reader.varint();
      const hasValues = reader.source[reader.offset] !== BLOCK_FLAG.FAILED;
      reader.skip(length);
      const layout = layoutOf(schemaNumber);
      if (layout === undefined || !hasValues) continue;
      const table = tables.get(schemaNumber) ?? { schemaNumber, layout, rows: 0, from: 0, used: 0 };
      table.rows++;
      tables.set(schemaNumber, table);
    }
  }
  return tables;
}

/** Gives each table its place among the cells, and returns how many cells there are. */
function placeTables(tables: Iterable<Table>): number {
  let cells = 0;
  let series = 0;
  for (const table of tables) {
    const { seriesCount } = table.layout;
    table.from = cells;
    cells += table.rows * seriesCount;
    series += seriesCount;
    if (cells > LIMITS.packedValues) throw invalid(`more than ${LIMITS.packedValues} values in a batch`);
    if (series > LIMITS.seriesPerAgent) throw invalid(`more than ${LIMITS.seriesPerAgent} series in a batch`);
  }
  return cells;
}

/** Fills the cells, and writes all of the records but values and checksums. */
function writeRecords(
  records: readonly Buffer[],
  tables: ReadonlyMap<number, Table>,
  cells: Float64Array,
): { readonly head: Buffer; readonly crcs: Buffer } {
  const places = new Map([...tables.keys()].map((schemaNumber, index) => [schemaNumber, index + 1]));
  const writer = new ByteWriter();
  const crcs = Buffer.alloc(CRC_BYTES * records.length);
  const pace: Pace = { seq: 0, wallMs: 0, bootMs: 0, wallStepMs: 0, bootStepMs: 0 };
  // What is absent has no value, and gets that of the tick before when its column is written.
  cells.fill(Number.NaN);
  for (const [index, record] of records.entries()) {
    crcs.writeUInt32LE(record.readUInt32LE(4), CRC_BYTES * index);
    const kind = record.readUInt8(8);
    writer.varint(kind);
    writer.varint(record.readUInt16LE(10));
    writePace(writer, record, pace);
    const body = record.subarray(RECORD_HEADER_BYTES);
    if (kind === RECORD_KIND.SAMPLES) {
      writeBlocks(writer, { body, tables, places, cells });
    } else {
      writer.varint(PLAIN_BODY);
      writer.varint(body.length);
      writer.bytes(body);
    }
  }
  return { head: writer.view(), crcs };
}

function writePace(writer: ByteWriter, record: Buffer, pace: Pace): void {
  const seq = readU48(record, 16);
  const wallMs = readU48(record, 22);
  const bootMs = readU48(record, 28);
  writer.zigzag(seq - pace.seq - 1);
  writer.zigzag(wallMs - pace.wallMs - pace.wallStepMs);
  writer.zigzag(bootMs - pace.bootMs - pace.bootStepMs);
  pace.wallStepMs = wallMs - pace.wallMs;
  pace.bootStepMs = bootMs - pace.bootMs;
  pace.seq = seq;
  pace.wallMs = wallMs;
  pace.bootMs = bootMs;
}

function writeBlocks(
  writer: ByteWriter,
  {
    body,
    tables,
    places,
    cells,
  }: {
    readonly body: Buffer;
    readonly tables: ReadonlyMap<number, Table>;
    readonly places: ReadonlyMap<number, number>;
    readonly cells: Float64Array;
  },
): void {
  const reader = new ByteReader(body);
  const count = readBlockCount(reader);
  writer.varint(count);
  for (let i = 0; i < count; i++) {
    const schemaNumber = reader.varint();
    const length = reader.varint();
    const start = reader.offset;
    const table = tables.get(schemaNumber);
    if (table === undefined || body[start] === BLOCK_FLAG.FAILED) {
      writer.varint(PLAIN_BLOCK);
      writer.varint(schemaNumber);
      writer.varint(length);
      writer.bytes(reader.bytes(length));
      continue;
    }
    const { layout, rows, from } = table;
    const { present } = readHead(reader, layout);
    writer.varint(places.get(schemaNumber) ?? PLAIN_BLOCK);
    writer.bytes(body.subarray(start, reader.offset));
    readValues(reader, layout, { values: cells, at: from + table.used++, step: rows, present });
    if (reader.offset !== start + length) throw invalid('length of a block is wrong');
  }
  reader.expectEnd();
}

function writeTables(writer: ByteWriter, tables: ReadonlyMap<number, Table>): void {
  writer.varint(tables.size);
  for (const { schemaNumber, layout, rows } of tables.values()) {
    writer.varint(schemaNumber);
    writer.varint(rows);
    writer.varint(layout.metrics.length);
    for (const { encoding, series } of layout.metrics)
      writer.varint(2 * series.length + (encoding === 'float64' ? 1 : 0));
  }
}

function writeColumns(writer: ByteWriter, { layout, rows, from }: Table, cells: Float64Array): void {
  let at = from;
  for (const { encoding, series } of layout.metrics) {
    for (let i = 0; i < series.length; i++) {
      const column = cells.subarray(at, at + rows);
      fillAbsent(column);
      writeColumn(writer, column, encoding);
      at += rows;
    }
  }
}

/** An absent value costs least where it changes nothing. */
function fillAbsent(column: Float64Array): void {
  let last = 0;
  for (let i = 0; i < column.length; i++) {
    const value = column[i] ?? Number.NaN;
    if (Number.isNaN(value)) column[i] = last;
    else last = value;
  }
}

/** Values of the batch that is being read; kept, for a batch needs a quarter of a megabyte or so. */
let scratchCells = new Float64Array(0);
const scratchRecords = new ByteWriter(0);
const scratchBody = new ByteWriter(0);

/**
 * The records that columns were made of, one after another with their bodies inflated, in memory of the caller's own.
 * @param count how many records there must be
 * @throws AppError RECORD_UNDECODABLE; no more memory is taken than the limits say, whatever the bytes claim
 */
export function fromColumns(bytes: Buffer, count: number): Buffer {
  const reader = new ByteReader(bytes);
  const tables = readTables(reader);
  const cellCount = placeTables(tables);
  if (scratchCells.length < cellCount) scratchCells = new Float64Array(cellCount);
  const cells = scratchCells;
  for (const table of tables) readColumns(reader, table, cells);
  const crcs = reader.bytes(CRC_BYTES * count);
  scratchRecords.reset();
  const pace: Pace = { seq: 0, wallMs: 0, bootMs: 0, wallStepMs: 0, bootStepMs: 0 };
  for (let i = 0; i < count; i++) {
    const kind = upTo(KIND_MAX, reader.varint());
    const flags = upTo(FLAGS_MAX, reader.varint());
    readPace(reader, pace);
    const body = readBody(reader, tables, cells);
    const out = scratchRecords;
    out.u32(body.length);
    out.u32(crcs.readUInt32LE(CRC_BYTES * i));
    out.u8(kind);
    out.u8(CODEC.NONE);
    out.u16(flags);
    out.u32(body.length);
    out.u48(pace.seq);
    out.u48(pace.wallMs);
    out.u48(pace.bootMs);
    out.bytes(body);
    upTo(LIMITS.packedInflatedBytes, out.length);
  }
  reader.expectEnd();
  if (tables.some(({ used, rows }) => used !== rows)) throw invalid('rows of a table are left over');
  return scratchRecords.copy();
}

function readTables(reader: ByteReader): readonly Table[] {
  const tables: Table[] = [];
  let seriesLeft: number = LIMITS.seriesPerAgent;
  for (let count = upTo(LIMITS.schemasPerEpoch, reader.varint()); count > 0; count--) {
    const schemaNumber = upTo(SCHEMA_NUMBER_MAX, reader.varint());
    const rows = upTo(LIMITS.recordsPerBatch * LIMITS.blocksPerRecord, reader.varint());
    const metrics: Layout['metrics'][number][] = [];
    let seriesCount = 0;
    for (let left = upTo(LIMITS.seriesPerSchema, reader.varint()); left > 0; left--) {
      const coded = reader.varint();
      const length = Math.floor(coded / 2);
      seriesCount += upTo(seriesLeft - seriesCount, length);
      if (length === 0 || rows === 0) throw invalid('a table of a batch is empty');
      metrics.push({
        name: '',
        encoding: coded % 2 === 1 ? 'float64' : 'integer',
        scale: 0,
        series: { length },
      });
    }
    seriesLeft -= seriesCount;
    tables.push({ schemaNumber, layout: { seriesCount, metrics }, rows, from: 0, used: 0 });
  }
  return tables;
}

function readColumns(reader: ByteReader, { layout, rows, from }: Table, cells: Float64Array): void {
  let at = from;
  for (const { encoding, series } of layout.metrics) {
    for (let i = 0; i < series.length; i++) {
      readColumn(reader, cells.subarray(at, at + rows), encoding);
      at += rows;
    }
  }
}

function readPace(reader: ByteReader, pace: Pace): void {
  pace.seq += reader.zigzag() + 1;
  pace.wallStepMs += reader.zigzag();
  pace.bootStepMs += reader.zigzag();
  pace.wallMs += pace.wallStepMs;
  pace.bootMs += pace.bootStepMs;
  if (!isU48(pace.seq) || !isU48(pace.wallMs) || !isU48(pace.bootMs))
    throw invalid('number or time of a record is out of range');
}

/** A view of the body, good until the next one is read. */
function readBody(reader: ByteReader, tables: readonly Table[], cells: Float64Array): Buffer {
  const count = upTo(LIMITS.blocksPerRecord, reader.varint());
  if (count === PLAIN_BODY) return reader.bytes(upTo(LIMITS.recordBytes, reader.varint()));
  const writer = scratchBody;
  writer.reset();
  writer.varint(count);
  for (let i = 0; i < count; i++) {
    const place = upTo(tables.length, reader.varint());
    const table = tables[place - 1];
    if (table === undefined) {
      writer.varint(reader.varint());
      const length = upTo(LIMITS.recordBytes, reader.varint());
      writer.varint(length);
      writer.bytes(reader.bytes(length));
    } else {
      const { schemaNumber, layout, rows, from } = table;
      upTo(rows, ++table.used);
      writer.varint(schemaNumber);
      const start = writer.length;
      const headStart = reader.offset;
      const { failure, present } = readHead(reader, layout);
      if (failure !== undefined) throw invalid('a block that failed has no place in a table');
      // A few bytes, for which a view would cost more.
      for (let at = headStart; at < reader.offset; at++) writer.u8(reader.source[at] ?? 0);
      writeValues(writer, layout, { values: cells, at: from + table.used - 1, step: rows, present });
      writer.prefixLength(start);
    }
    upTo(LIMITS.recordBytes, writer.length);
  }
  return writer.view();
}

/** `value` where it is allowed. */
function upTo(max: number, value: number): number {
  if (value > max) throw invalid(`${value} in a batch of columns, at most ${max}`);
  return value;
}
