/**
 * META: which epoch the spool is in and whose spool it is. It is no cursor: what was delivered is learnt from the
 * collector. A META that is missing, damaged or older than the segments costs a new epoch and nothing else.
 */
import { join } from 'node:path';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { removeFile, TEMPORARY_SUFFIX } from './disk-shelf.ts';

const META_FILE = 'META';
const MAGIC = Buffer.from('RCSM');
const META_FORMAT = 1;
const OWNER_BYTES = 16;
const META_BYTES = 36;

export interface Meta {
  /** 16 hexadecimal digits. */
  readonly epochId: string;
  /** Id of the agent, 16 bytes. */
  readonly owner: Buffer;
}

/** Undefined when it is missing or damaged. */
export function readMeta(disk: Disk, dir: string): Meta | undefined {
  let bytes: Buffer;
  try {
    bytes = disk.readFile(join(dir, META_FILE), META_BYTES);
  } catch (error) {
    if (diskErrorCode(error) === undefined) throw error;
    return undefined;
  }
  if (bytes.length !== META_BYTES || !bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  if (bytes.readUInt16LE(4) !== META_FORMAT) return undefined;
  if (crc32(bytes.subarray(0, META_BYTES - 4)) !== bytes.readUInt32LE(META_BYTES - 4)) return undefined;
  return { epochId: bytes.toString('hex', 8, 16), owner: Buffer.from(bytes.subarray(16, 16 + OWNER_BYTES)) };
}

/** Replaces it in one step. @throws AppError DISK_FAILED */
export function writeMeta(disk: Disk, dir: string, { epochId, owner }: Meta): void {
  const bytes = Buffer.alloc(META_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(META_FORMAT, 4);
  bytes.write(epochId, 8, 'hex');
  owner.copy(bytes, 16, 0, OWNER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, META_BYTES - 4)), META_BYTES - 4);
  const path = join(dir, META_FILE);
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  removeFile(disk, temporary);
  const file = disk.open(temporary, 'create');
  try {
    file.write(bytes, 0);
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
}
