/**
 * Small readers that turn unknown JSON into typed values. A reader either returns the value or throws `Malformed`
 * with the path of the first thing that is wrong; the API client turns that into a failure to show.
 */
export type Read<T> = (value: unknown, path: string) => T;

/** An answer that does not have the shape it should have. The message names the path and what was expected. */
export class Malformed extends Error {
  override readonly name = 'Malformed';

  constructor(path: string, expected: string) {
    super(`${path}: expected ${expected}`);
  }
}

/** A string of any length and content. */
export const text: Read<string> = (value, path) => {
  if (typeof value !== 'string') throw new Malformed(path, 'a string');
  return value;
};

/** A finite number. */
export const finite: Read<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Malformed(path, 'a finite number');
  return value;
};

/** `true` or `false`. */
export const flag: Read<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new Malformed(path, 'true or false');
  return value;
};

/** One of a closed list of words. */
export function oneOf<const T extends string>(allowed: readonly T[]): Read<T> {
  return (value, path) => {
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw new Malformed(path, `one of ${allowed.join(', ')}`);
    return found;
  };
}

/** What `read` reads, or `null`. A missing field counts as malformed, not as `null`. */
export function nullable<T>(read: Read<T>): Read<T | null> {
  return (value, path) => (value === null ? null : read(value, path));
}

/** An array of what `read` reads. */
export function listOf<T>(read: Read<T>): Read<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Malformed(path, 'an array');
    return value.map((element: unknown, index) => read(element, `${path}[${index}]`));
  };
}

/** An object with any keys whose values are what `read` reads. */
export function recordOf<T>(read: Read<T>): Read<Readonly<Record<string, T>>> {
  return (value, path) => {
    const entries = Object.entries(asObject(value, path));
    // fromEntries defines own properties, so that a key `__proto__` stays a key.
    return Object.fromEntries(entries.map(([key, element]) => [key, read(element, `${path}.${key}`)]));
  };
}

/** Reads the fields of an object one by one; fields that nobody asks for are ignored. */
export function fieldsOf(value: unknown, path: string): <T>(key: string, read: Read<T>) => T {
  const object = asObject(value, path);
  return (key, read) => read(Object.hasOwn(object, key) ? object[key] : undefined, `${path}.${key}`);
}

function asObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new Malformed(path, 'an object');
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
