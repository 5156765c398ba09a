/** Columns of a database row with their types checked: the database is a border like any other. */
import assert from 'node:assert';
import type { SQLOutputValue } from 'node:sqlite';

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** @throws AssertionError when the column is no text: the query or the migration is wrong */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  assert(typeof value === 'string', `column ${column} is no text`);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : textOf(row, column);
}

/** @throws AssertionError when the column is no integer that JavaScript holds exactly */
export function integerOf(row: Row, column: string): number {
  const value = row[column];
  assert(typeof value === 'number' && Number.isSafeInteger(value), `column ${column} is no integer`);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integerOf(row, column);
}

export function bytesOrNull(row: Row, column: string): Buffer | null {
  return row[column] === null ? null : bytesOf(row, column);
}

/** A view of the row's bytes. */
export function bytesOf(row: Row, column: string): Buffer {
  const value = row[column];
  assert(value instanceof Uint8Array, `column ${column} holds no bytes`);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
