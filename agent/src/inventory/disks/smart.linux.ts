/** Adds what smartctl knows to the section of disks, where it is installed. */
import {
  NOT_READABLE,
  type InventoryRecord,
  type InventoryValue,
} from '@rollcall/shared/inventory/canonical.ts';
import { HostError, isAbsent } from '../../host/host.ts';
import { isDenied, type Source } from '../source.ts';
import { parseSmart, type Smart } from './smart.ts';

/** Each takes about 50 ms, a tired one up to seconds. */
const DISKS_MAX = 256;

/**
 * The disks with `smart`: a summary; null without smartctl or when the disk says nothing; NOT_READABLE without the
 * rights to ask it. Serial and firmware are filled in where they were not known.
 */
export async function withSmart(section: InventoryRecord, source: Source): Promise<InventoryRecord> {
  const disks = section['disks'];
  if (!Array.isArray(disks)) return section;
  const result: InventoryValue[] = [];
  for (const disk of disks) {
    if (!isDisk(disk)) continue;
    const device = disk['device'];
    const isAsked = typeof device === 'string' && result.length < DISKS_MAX;
    const smart = isAsked ? await ask(source, device) : undefined;
    result.push(merged(disk, smart));
  }
  return { ...section, disks: result };
}

function isDisk(value: InventoryValue): value is InventoryRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function ask(source: Source, device: string): Promise<Smart | 'denied' | undefined> {
  // Names of disks that are no plain ones (`/dev/cciss/c0d0`) are not asked.
  if (!/^\/dev\/[a-z0-9]{1,32}$/.test(device)) return undefined;
  try {
    return parseSmart(await source.run('smart', device));
  } catch (error) {
    if (isDenied(error)) return 'denied';
    // Not installed, or a disk that does not answer in time; the others may.
    if (error instanceof HostError && (isAbsent(error) || error.kind === 'timeout')) return undefined;
    throw error;
  }
}

function merged(disk: InventoryRecord, smart: Smart | 'denied' | undefined): InventoryRecord {
  if (smart === undefined) return { ...disk, smart: null };
  if (smart === 'denied') return { ...disk, smart: NOT_READABLE };
  return {
    ...disk,
    model: disk['model'] ?? smart.model,
    serial: disk['serial'] ?? smart.serial,
    firmware: disk['firmware'] ?? smart.firmware,
    smart: smart.summary,
  };
}
