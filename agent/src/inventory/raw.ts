/** Reads fields of what systeminformation answers. Nothing about it is trusted: neither its shape nor its texts. */
import { cleanText } from '@rollcall/shared/lib/text.ts';

/** An object of unknown content. */
export type RawRecord = Readonly<Record<string, unknown>>;

const TEXT_LENGTH_MAX = 256;
/** Entries of one list that are kept; a machine with more disks or memory modules is not known. */
const LIST_LENGTH_MAX = 1_024;
/** What firmware and systeminformation write when they have nothing to say. */
const NOTHING =
  /^(|-|unknown|none|n\/a|not specified|not defined|not available|default string|to be filled by o\.?e\.?m\.?)$/i;

export function isRecord(value: unknown): value is RawRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a field without control characters; null when there is none, or one that says nothing. */
export function text(record: RawRecord, key: string): string | null {
  return meaningful(field(record, key));
}

/** A text of at most 256 characters without control characters; null when there is none, or one that says nothing. */
export function meaningful(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const clean = cleanText(value, TEXT_LENGTH_MAX).trim();
  return NOTHING.test(clean) ? null : clean;
}

/** Like `meaningful`, but takes every word for what it is: a package may be called `none`. Empty when there is none. */
export function word(value: string | undefined): string {
  return cleanText(value ?? '', TEXT_LENGTH_MAX).trim();
}

/** A whole number of a text, null when it is none. */
export function whole(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** A number above zero; null when there is none. */
export function positive(record: RawRecord, key: string): number | null {
  const value = field(record, key);
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null;
}

/** A statement; null when it was not made. */
export function flag(record: RawRecord, key: string): boolean | null {
  const value = field(record, key);
  return typeof value === 'boolean' ? value : null;
}

/** The objects of a list, or nothing when it is none. */
export function records(value: unknown, lengthMax = LIST_LENGTH_MAX): readonly RawRecord[] {
  return Array.isArray(value) ? value.slice(0, lengthMax).filter(isRecord) : [];
}

/** The value of an own key; inherited ones such as `constructor` do not count. */
export function field(record: RawRecord, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
