/** What changed on a host, told from the versions of its inventory that are kept. */
import { canonicalJson, type InventoryValue } from '@rollcall/shared/inventory/canonical.ts';
import { diffInventory, type InventoryChange } from '@rollcall/shared/inventory/diff.ts';
import type { InventoryChangeEntry, InventoryChangeSet } from '../api/types.ts';
import type { Inventory, InventoryVersion } from './inventory.ts';

/** Differences of one version that are listed. */
const ENTRIES_MAX = 200;
/** A longer value, such as a whole list that is not readable any more, is told by its length. */
const VALUE_LENGTH_MAX = 2_000;

/**
 * The newest versions that had one before them, newest first, with what was different. The first version of a section
 * changes nothing.
 * @param limit of versions; each may take the contents of two sections
 */
export function inventoryChanges(inventory: Inventory, hostId: string, limit: number): InventoryChangeSet[] {
  const versions = inventory.history(hostId);
  const sets: InventoryChangeSet[] = [];
  for (const [i, version] of versions.entries()) {
    if (sets.length === limit) break;
    const previous = versions.find(({ section }, place) => place > i && section === version.section);
    const set = previous === undefined ? undefined : changeSet(inventory, previous, version);
    if (set !== undefined) sets.push(set);
  }
  return sets;
}

/** undefined when a content is not kept any more. */
function changeSet(
  inventory: Inventory,
  previous: InventoryVersion,
  version: InventoryVersion,
): InventoryChangeSet | undefined {
  const before = inventory.content(previous.hash);
  const after = inventory.content(version.hash);
  if (before === undefined || after === undefined) return undefined;
  const { changes, omitted } = diffInventory(before, after);
  return {
    section: version.section,
    atMs: version.fromMs,
    previousMs: previous.fromMs,
    changes: changes.slice(0, ENTRIES_MAX).map(entry),
    omitted: omitted + Math.max(0, changes.length - ENTRIES_MAX),
  };
}

function entry(change: InventoryChange): InventoryChangeEntry {
  const { kind, path } = change;
  return {
    kind,
    path,
    before: shortened('before' in change ? change.before : null),
    after: shortened('after' in change ? change.after : null),
  };
}

function shortened(value: InventoryValue): InventoryValue {
  const { length } = canonicalJson(value);
  return length <= VALUE_LENGTH_MAX ? value : `${length} characters`;
}
