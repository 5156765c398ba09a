/**
 * What the few readings that tell how a machine is now are made of. Agents announce them and the collector computes them
 * from stored samples: the same tick must give the same figures.
 */

/** The others are idle, iowait and steal. */
const BUSY_MODES: ReadonlySet<string | undefined> = new Set(['user', 'nice', 'system', 'irq', 'softirq']);
/** Not local, not writable, or not a disk. The same choice as in the stock rules. */
const FSTYPE_LEFT_OUT =
  /^(tmpfs|devtmpfs|ramfs|overlay|squashfs|erofs|iso9660|udf|autofs|nsfs|nfs.*|cifs|smb3|9p|ceph|fuse\..*)$/;
const MOUNTPOINT_LEFT_OUT =
  /^\/((dev|proc|sys|run|snap)(\/.*)?|var\/lib\/(docker|containers|containerd|kubelet)(\/.*)?)$/;

/** Whether a processor works in a mode of `node_cpu_seconds_total`. */
export function isBusyMode(mode: string | undefined): boolean {
  return BUSY_MODES.has(mode);
}

/** Whether a file system may be the fullest one, by its labels. */
export function canBeFullest({
  fstype = '',
  mountpoint = '',
}: {
  readonly fstype: string | undefined;
  readonly mountpoint: string | undefined;
}): boolean {
  return !FSTYPE_LEFT_OUT.test(fstype) && !MOUNTPOINT_LEFT_OUT.test(mountpoint);
}

/** Values of the metrics `node_filesystem_…`, undefined where there is none. */
export interface FilesystemReading {
  readonly sizeBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly availableBytes: number | undefined;
  /** 1 when nothing can be written. */
  readonly readonly: number | undefined;
}

/**
 * How full a file system is, 0 to 1, as df tells it: blocks reserved for root are neither used nor available. Undefined
 * when it is read-only, has no size or was not read.
 */
export function usedRatioOf(filesystem: FilesystemReading): number | undefined {
  const { sizeBytes, availableBytes, freeBytes = availableBytes, readonly } = filesystem;
  if (readonly === 1 || sizeBytes === undefined || availableBytes === undefined || freeBytes === undefined)
    return undefined;
  const usedBytes = sizeBytes - freeBytes;
  if (sizeBytes <= 0 || usedBytes + availableBytes <= 0) return undefined;
  return usedBytes / (usedBytes + availableBytes);
}
