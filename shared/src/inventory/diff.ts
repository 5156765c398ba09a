/**
 * What differs between two versions of a section, as people would say it: a package came, a service went, a disk has
 * another serial number. Pure.
 */
import { compareUtf8 } from '../lib/text.ts';
import { canonicalJson, type InventoryRecord, type InventoryValue } from './canonical.ts';

/** One difference. `path` leads to it: names of fields, and what an entry of a list is called. */
export type InventoryChange =
  | { readonly kind: 'added'; readonly path: readonly string[]; readonly after: InventoryValue }
  | { readonly kind: 'removed'; readonly path: readonly string[]; readonly before: InventoryValue }
  | {
      readonly kind: 'changed';
      readonly path: readonly string[];
      readonly before: InventoryValue;
      readonly after: InventoryValue;
    };

export interface InventoryDiff {
  /** In the order of fields and names; at most CHANGES_MAX. */
  readonly changes: readonly InventoryChange[];
  /** Differences above that, which are counted only. */
  readonly omitted: number;
}

/** A new release of a distribution replaces some thousand packages; nobody reads them one by one. */
export const CHANGES_MAX = 500;

/**
 * Fields that together say which thing an entry of a list is; the others say how it is. An entry keeps them while it
 * changes. Only those that an entry has count.
 */
const IDENTITY = [
  'name',
  'manager',
  'arch',
  'protocol',
  'address',
  'port',
  'device',
  'mountPoint',
  'place',
  'connector',
  'bank',
  'product',
] as const;

/**
 * Compares two versions of one section. Entries of lists are matched by what they are called, whatever their order; equal
 * names one after another.
 */
export function diffInventory(before: InventoryRecord, after: InventoryRecord): InventoryDiff {
  const changes: InventoryChange[] = [];
  let count = 0;
  compare(before, after, [], (change) => {
    count++;
    if (changes.length < CHANGES_MAX) changes.push(change);
  });
  return { changes, omitted: count - changes.length };
}

type Note = (change: InventoryChange) => void;

function compare(before: InventoryValue, after: InventoryValue, path: readonly string[], note: Note): void {
  if (isRecord(before) && isRecord(after)) compareRecords(before, after, path, note);
  else if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, note);
  else if (canonicalJson(before) !== canonicalJson(after)) note({ kind: 'changed', path, before, after });
}

function compareRecords(
  before: InventoryRecord,
  after: InventoryRecord,
  path: readonly string[],
  note: Note,
): void {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const key of [...keys].sort(compareUtf8)) {
    // A field that an older agent did not send is as good as one without a value.
    compare(own(before, key) ?? null, own(after, key) ?? null, [...path, key], note);
  }
}

function own(record: InventoryRecord, key: string): InventoryValue | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function compareLists(
  before: readonly InventoryValue[],
  after: readonly InventoryValue[],
  path: readonly string[],
  note: Note,
): void {
  const [old, current] = [byName(before), byName(after)];
  const names = new Set([...old.keys(), ...current.keys()]);
  for (const name of [...names].sort(compareUtf8)) {
    const [left, right] = pairOff(old.get(name) ?? [], current.get(name) ?? []);
    const at = [...path, name];
    const common = Math.min(left.length, right.length);
    for (let i = 0; i < common; i++) compare(left[i] ?? null, right[i] ?? null, at, note);
    for (const gone of left.slice(common)) note({ kind: 'removed', path: at, before: gone });
    for (const come of right.slice(common)) note({ kind: 'added', path: at, after: come });
  }
}

/** Entries of one name without those that are in both, so that of three kernels the one that came is told. */
function pairOff(
  before: readonly InventoryValue[],
  after: readonly InventoryValue[],
): readonly [readonly InventoryValue[], readonly InventoryValue[]] {
  if (before.length < 2 && after.length < 2) return [before, after];
  const left = before.map(canonicalJson);
  const right = after.map(canonicalJson);
  return [
    before.filter((_, i) => !right.includes(left[i] ?? '')),
    after.filter((_, i) => !left.includes(right[i] ?? '')),
  ];
}

function byName(list: readonly InventoryValue[]): Map<string, InventoryValue[]> {
  const groups = new Map<string, InventoryValue[]>();
  list.forEach((entry, i) => {
    const name = nameOf(entry, i);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [entry]);
    else group.push(entry);
  });
  return groups;
}

/** What an entry is called; by its place in the list when nothing says. */
function nameOf(entry: InventoryValue, index: number): string {
  if (!isRecord(entry)) return typeof entry === 'string' ? entry : canonicalJson(entry);
  const words = IDENTITY.flatMap((key) => {
    const value = own(entry, key);
    return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
  });
  return words.length === 0 ? `#${index + 1}` : words.join(' ');
}

function isRecord(value: InventoryValue): value is InventoryRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
