/**
 * Inventory sections in canonical form: keys sorted, no undefined, numbers as JSON prints them. Equal content gives
 * equal bytes, so a section travels only when it changed.
 */
import { createHash } from 'node:crypto';
import { assert } from '../lib/assert.ts';
import { compareUtf8 } from '../lib/text.ts';

/** Anything JSON can hold. */
export type InventoryValue = string | number | boolean | null | InventoryRecord | readonly InventoryValue[];
/** A JSON object. */
export interface InventoryRecord {
  readonly [key: string]: InventoryValue;
}

/** One topic of a machine's inventory, as it was collected. */
export interface InventorySection {
  /** `[a-z][a-z0-9_]*`, at most 32 characters. */
  readonly name: string;
  readonly content: InventoryRecord;
}

/** A section ready to travel. */
export interface CanonicalSection {
  readonly name: string;
  readonly bytes: Buffer;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly hash: string;
}

const SECTION_NAME_PATTERN = /^[a-z][a-z0-9_]{0,31}$/;

/** What stands in place of a value that could not be read for lack of rights: never an empty value. */
export const NOT_READABLE = 'not readable';

/** The canonical form of a section. A name that the protocol does not allow is a bug and throws. */
export function canonicalSection(section: InventorySection): CanonicalSection {
  assert(SECTION_NAME_PATTERN.test(section.name), 'name of an inventory section');
  const bytes = Buffer.from(canonicalJson(section.content));
  return { name: section.name, bytes, hash: sectionHash(bytes) };
}

/** SHA-256 of a section's canonical bytes, hexadecimal. */
export function sectionHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** JSON with sorted keys and no white space. Numbers that are not finite become null, as in JSON.stringify. */
export function canonicalJson(value: InventoryValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (isRecord(value)) {
    const fields = Object.keys(value)
      .sort(compareUtf8)
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

function isRecord(value: InventoryValue): value is InventoryRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
