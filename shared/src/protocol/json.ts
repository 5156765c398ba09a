/**
 * JSON bodies and hand-written readers for them. The agent must stay free of a schema library, so each field is read
 * by a function that names it when it does not fit. Used on both ends.
 */
import { isUtf8 } from 'node:buffer';
import { AppError } from '../lib/errors.ts';
import { LIMITS } from './limits.ts';

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** A JSON object that was read from outside; nothing about its fields is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a JSON object of bounded size and depth, without keys that are dangerous in JavaScript.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function parseJsonObject(bytes: Uint8Array, maxBytes: number = LIMITS.jsonBytes): JsonObject {
  if (bytes.length > maxBytes) {
    throw new AppError('LIMIT_EXCEEDED', `JSON of ${bytes.length} bytes, at most ${maxBytes}`);
  }
  // Otherwise bytes that differ, and were signed, would read as the same text.
  if (!isUtf8(bytes)) throw new AppError('PROTOCOL_ERROR', 'body is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (error) {
    throw new AppError('PROTOCOL_ERROR', 'body is not valid JSON', { cause: error });
  }
  checkShape(value, LIMITS.jsonDepth);
  if (!isJsonObject(value)) throw new AppError('PROTOCOL_ERROR', 'body is not a JSON object');
  return value;
}

/** The UTF-8 bytes of `value` as JSON. */
export function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Whether `value` is an object with string keys, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkShape(value: unknown, depthLeft: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depthLeft === 0) throw new AppError('LIMIT_EXCEEDED', `JSON is nested deeper than ${LIMITS.jsonDepth}`);
  if (Array.isArray(value)) {
    // Not by Object.entries: millions of small numbers would become millions of pairs.
    for (const child of value) checkShape(child, depthLeft - 1);
    return;
  }
  for (const [key, child] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.has(key)) throw new AppError('PROTOCOL_ERROR', `JSON key ${key} is not allowed`);
    checkShape(child, depthLeft - 1);
  }
}

/**
 * Reads the fields of one object; each method throws AppError PROTOCOL_ERROR, naming the field, when it is missing or
 * of the wrong kind. `finish` refuses fields that nobody asked for.
 */
export class JsonReader {
  readonly #object: JsonObject;
  readonly #where: string;
  readonly #seen = new Set<string>();

  /**
   * @param object as it came from `parseJsonObject`
   * @param where what the object is, for messages
   */
  constructor(object: JsonObject, where: string) {
    this.#object = object;
    this.#where = where;
  }

  /** @param maxLength in UTF-16 units */
  text(key: string, maxLength: number): string {
    const value = this.#take(key);
    if (typeof value !== 'string' || value.length > maxLength) {
      throw this.#wrong(key, `a text of at most ${maxLength} characters`);
    }
    return value;
  }

  textOrNull(key: string, maxLength: number): string | null {
    return this.isNull(key) ? null : this.text(key, maxLength);
  }

  integer(key: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(key);
    if (!isIntegerIn(value, min, max)) throw this.#wrong(key, `an integer from ${min} to ${max}`);
    return value;
  }

  number(key: string): number {
    const value = this.#take(key);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#wrong(key, 'a finite number');
    return value;
  }

  boolean(key: string): boolean {
    const value = this.#take(key);
    if (typeof value !== 'boolean') throw this.#wrong(key, 'true or false');
    return value;
  }

  /** Exactly `count` integers. */
  integerList(key: string, count: number, min: number, max: number): number[] {
    const list = this.#list(key, count).filter((value) => isIntegerIn(value, min, max));
    if (list.length !== count) throw this.#wrong(key, `a list of ${count} integers from ${min} to ${max}`);
    return list;
  }

  /** Exactly `length` bytes as unpadded base64url. */
  bytes(key: string, length: number): Buffer {
    const bytes = decodeBase64Url(this.#take(key), length);
    if (bytes === undefined) throw this.#wrong(key, `${length} bytes as unpadded base64url`);
    return bytes;
  }

  /** At most `maxItems` entries of exactly `length` bytes each. */
  bytesList(key: string, maxItems: number, length: number): Buffer[] {
    return this.#list(key, maxItems).map((value) => {
      const bytes = decodeBase64Url(value, length);
      if (bytes === undefined) throw this.#wrong(key, `a list of ${length} bytes each as unpadded base64url`);
      return bytes;
    });
  }

  /** At most `maxItems` texts of at most `maxLength` UTF-16 units each. */
  textList(key: string, maxItems: number, maxLength: number): string[] {
    return this.#list(key, maxItems).map((value) => {
      if (typeof value !== 'string' || value.length > maxLength) {
        throw this.#wrong(key, `a list of texts of at most ${maxLength} characters`);
      }
      return value;
    });
  }

  /** Readers for at most `maxItems` objects; each of them is to be finished too. */
  objectList(key: string, maxItems: number): JsonReader[] {
    return this.#list(key, maxItems).map((value) => {
      if (!isJsonObject(value)) throw this.#wrong(key, 'a list of objects');
      return new JsonReader(value, `${this.#where}.${key}`);
    });
  }

  /** A reader for the object in a field. */
  object(key: string): JsonReader {
    return new JsonReader(this.rawObject(key), `${this.#where}.${key}`);
  }

  /** The object in a field, of which only size, depth and keys have been checked. */
  rawObject(key: string): JsonObject {
    const value = this.#take(key);
    if (!isJsonObject(value)) throw this.#wrong(key, 'an object');
    return value;
  }

  /** Whether the field is absent or null; it then counts as read. */
  isNull(key: string): boolean {
    const value = this.#take(key);
    return value === undefined || value === null;
  }

  /** The names of all fields; they count as read. */
  keys(): string[] {
    const keys = Object.keys(this.#object);
    for (const key of keys) this.#seen.add(key);
    return keys;
  }

  /** @throws AppError PROTOCOL_ERROR when there are fields that were not read */
  finish(): void {
    for (const key of Object.keys(this.#object)) {
      if (!this.#seen.has(key)) {
        throw new AppError(
          'PROTOCOL_ERROR',
          `${this.#where} has the unknown field ${JSON.stringify(key.slice(0, 64))}`,
        );
      }
    }
  }

  #take(key: string): unknown {
    this.#seen.add(key);
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  #list(key: string, maxItems: number): unknown[] {
    const value: unknown = this.#take(key);
    if (!Array.isArray(value) || value.length > maxItems) {
      throw this.#wrong(key, `a list of at most ${maxItems} entries`);
    }
    return value;
  }

  #wrong(key: string, allowed: string): AppError {
    return new AppError('PROTOCOL_ERROR', `${this.#where}.${key} must be ${allowed}`);
  }
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

/** Undefined unless `text` is the one way to write `length` bytes. */
function decodeBase64Url(text: unknown, length: number): Buffer | undefined {
  if (typeof text !== 'string' || text.length !== Math.ceil((length * 4) / 3)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === length && bytes.toString('base64url') === text ? bytes : undefined;
}
