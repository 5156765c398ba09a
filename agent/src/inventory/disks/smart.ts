/** What a disk says about its own health. Pure: the JSON of smartctl in, a summary out. */
import type { InventoryRecord, InventoryValue } from '@rollcall/shared/inventory/canonical.ts';
import { field, flag, isRecord, records, text, type RawRecord } from '../raw.ts';

/** Identity and health of a disk. Temperatures and hours are left out: they belong to metrics and never stand still. */
export interface Smart {
  readonly serial: string | null;
  readonly firmware: string | null;
  readonly model: string | null;
  /** null when the disk has no such thing, as most virtual ones. */
  readonly summary: InventoryRecord | null;
}

/** Bits of smartctl's exit status that mean: it could not open the disk, or the disk did not answer. */
const FAILED = 0b111;
/** Attributes of ATA disks by number (ACS, and by custom of the makers). */
const ATTRIBUTES = [
  [5, 'reallocatedSectors'],
  [197, 'pendingSectors'],
  [198, 'uncorrectableSectors'],
] as const;

/**
 * Reads `smartctl --json=c --info --health --attributes`.
 * @returns undefined when there is no answer about the disk: it sleeps, or it may not be opened (`isDenied` then)
 */
export function parseSmart(output: string): Smart | 'denied' | undefined {
  const root = parsed(output);
  if (root === undefined) return undefined;
  const control = inner(root, 'smartctl');
  const status = field(control, 'exit_status');
  const messages = records(field(control, 'messages')).map((message) => text(message, 'string') ?? '');
  if (messages.some((message) => /permission denied|operation not permitted/i.test(message))) return 'denied';
  const hasIdentity = text(root, 'serial_number') !== null || text(root, 'model_name') !== null;
  if (!hasIdentity || typeof status !== 'number' || (status & FAILED & ~4) !== 0) return undefined;
  return {
    serial: text(root, 'serial_number'),
    firmware: text(root, 'firmware_version'),
    model: text(root, 'model_name'),
    summary: summary(root),
  };
}

function summary(root: RawRecord): InventoryRecord | null {
  const isHealthy = flag(inner(root, 'smart_status'), 'passed');
  if (isHealthy === null) return null;
  const table = records(field(inner(root, 'ata_smart_attributes'), 'table'));
  const health = inner(root, 'nvme_smart_health_information_log');
  const counts = ATTRIBUTES.flatMap(([id, name]): readonly (readonly [string, InventoryValue])[] => {
    const row = table.find((each) => field(each, 'id') === id);
    return row === undefined ? [] : [[name, count(field(inner(row, 'raw'), 'value'))]];
  });
  const wear = count(field(health, 'percentage_used'));
  return {
    isHealthy,
    ...Object.fromEntries(counts),
    ...(wear === null ? {} : { wearRatio: wear / 100, mediaErrors: count(field(health, 'media_errors')) }),
  };
}

function parsed(output: string): RawRecord | undefined {
  try {
    const root: unknown = JSON.parse(output);
    return isRecord(root) ? root : undefined;
  } catch {
    // smartctl before version 7 does not know JSON and prints help instead: the same as no answer.
    return undefined;
  }
}

function inner(record: RawRecord, key: string): RawRecord {
  const value = field(record, key);
  return isRecord(value) ? value : {};
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
