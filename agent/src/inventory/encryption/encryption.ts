/** Whether what is on the disks can be read by whoever takes them away. Pure. */
import type { InventoryRecord, InventoryValue } from '@rollcall/shared/inventory/canonical.ts';
import { records, text, word } from '../raw.ts';

/** A file system on a block device. */
export interface LocalMount {
  /** As mounted: `/dev/sda1`, `/dev/mapper/vg-root`. */
  readonly device: string;
  readonly mountPoint: string;
}

const VOLUMES_MAX = 1_024;

/** A file system or drive and how it is encrypted: null for not at all. */
export interface Volume {
  readonly mountPoint: string;
  readonly device: string | null;
  readonly isEncrypted: boolean | null;
  /** `LUKS2`, `PLAIN`, `BitLocker`, `FileVault`, or what it is in between. */
  readonly kind: string | null;
}

export function encryptionContent(
  volumes: readonly Volume[],
  more: Readonly<Record<string, InventoryValue>> = {},
): InventoryRecord {
  return {
    ...more,
    volumes: volumes
      .slice(0, VOLUMES_MAX)
      .map(({ mountPoint, device, isEncrypted, kind }) => ({ mountPoint, device, isEncrypted, kind })),
  };
}

/** File systems of `/proc/1/mountinfo` on block devices, each device once; loop devices are files of another one. */
export function parseLocalMounts(mountinfo: string): LocalMount[] {
  const byDevice = new Map<string, LocalMount>();
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = unescaped(before.split(' ')[4] ?? '');
    const device = unescaped(after.split(' ')[1] ?? '');
    if (!device.startsWith('/dev/') || device.startsWith('/dev/loop')) continue;
    if (!byDevice.has(device)) byDevice.set(device, { device: word(device), mountPoint: word(mountPoint) });
  }
  return [...byDevice.values()].sort((left, right) => (left.mountPoint < right.mountPoint ? -1 : 1));
}

/** The kernel writes blanks and the like as three octal digits (proc_pid_mountinfo(5)). */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Kind of encryption in the `uuid` of a mapped device, `CRYPT-LUKS2-…`, null for other mapped devices. */
export function cryptKind(dmUuid: string | null): string | null {
  return /^CRYPT-([A-Z0-9]+)-/.exec(dmUuid ?? '')?.[1] ?? null;
}

/** Names and devices of crypttab(5). Keys and options stay where they are. */
export function parseCrypttab(content: string): InventoryRecord[] {
  return content.split('\n').flatMap((line) => {
    const [name = '', device = ''] = line.trim().split(/\s+/);
    if (name === '' || name.startsWith('#') || device === '') return [];
    return [{ name: word(name), device: word(device) }];
  });
}

/** `fdesetup status`: `FileVault is On.`, `FileVault is Off.`, or what is under way. */
export function parseFileVault(output: string): Volume {
  const match = /^FileVault is (On|Off)\./m.exec(output);
  const isEncrypted = match === null ? null : match[1] === 'On';
  return { mountPoint: '/', device: null, isEncrypted, kind: isEncrypted === true ? 'FileVault' : null };
}

/**
 * Values of System.Volume.BitLockerProtection: 1 on, 2 off, 5 suspended (the key lies open on the drive), 6 on and locked.
 * While it encrypts (3) or decrypts (4) neither can be said.
 */
const BITLOCKER: ReadonlyMap<unknown, boolean> = new Map([
  [1, true],
  [2, false],
  [5, false],
  [6, true],
]);

/** Drives of `Win32_LogicalDisk` with what the shell says of BitLocker. */
export function parseBitLocker(output: string): Volume[] {
  if (output.trim() === '') return [];
  const root: unknown = JSON.parse(output);
  return records(Array.isArray(root) ? root : [root], VOLUMES_MAX).map((raw) => {
    const isEncrypted = BITLOCKER.get(raw['Protection']) ?? null;
    return {
      mountPoint: text(raw, 'DeviceID') ?? '',
      device: null,
      isEncrypted,
      kind: isEncrypted === true ? 'BitLocker' : null,
    };
  });
}
