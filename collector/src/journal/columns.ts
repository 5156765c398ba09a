/** Typed reads of columns; a value of another type means that the file was not written by us. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { SQLOutputValue } from 'node:sqlite';

type Row = Readonly<Record<string, SQLOutputValue>>;

/** An integer column; 0 when there is no row. */
export function countOf(row: Row | undefined, column: string): number {
  return row === undefined ? 0 : (numberOf(row, column) ?? 0);
}

/** An integer column, undefined for NULL. */
export function numberOf(row: Row, column: string): number | undefined {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'number') return value;
  throw wrongType(column, 'a number');
}

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw wrongType(column, 'text');
}

/** A BLOB column as a buffer on the same memory, which SQLite made for this row alone. */
export function blobOf(row: Row, column: string): Buffer {
  const value = row[column];
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw wrongType(column, 'bytes');
}

function wrongType(column: string, wanted: string): AppError {
  return new AppError('STORAGE_UNAVAILABLE', `column ${column} of the journal is not ${wanted}`);
}
