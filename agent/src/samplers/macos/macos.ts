/**
 * What macOS tells of itself: the outputs of its own small programs, and processor times of the platform. Pure. Tested by
 * outputs written after the documentation of each program.
 */
import { ParseError } from '../parse.ts';

/** Memory in bytes, as far as vm_stat tells it. */
export type MemoryPages = ReadonlyMap<string, number>;

/**
 * `vm_stat`: `Mach Virtual Memory Statistics: (page size of 16384 bytes)`, then `Pages free: 12345.`
 * @returns bytes by what stands in front of the colon, without `Pages ` and in lower case
 * @throws ParseError without a page size
 */
export function parseVmStat(output: string): MemoryPages {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(output)?.[1] ?? Number.NaN);
  if (!Number.isInteger(pageBytes)) throw new ParseError('parse vm_stat: no page size');
  const pages = new Map<string, number>();
  for (const [, name = '', count] of output.matchAll(/^"?([^:"]+)"?:\s+(\d+)\.?$/gm)) {
    pages.set(name.replace(/^Pages /, '').toLowerCase(), Number(count) * pageBytes);
  }
  return pages;
}

/** `sysctl hw.memsize vm.swapusage kern.boottime`: `name: value` lines. */
export interface SysctlFacts {
  readonly memoryBytes: number | undefined;
  readonly swapTotalBytes: number | undefined;
  readonly swapUsedBytes: number | undefined;
  readonly bootSeconds: number | undefined;
}

const UNIT_BYTES: Readonly<Record<string, number>> = { K: 1_024, M: 1_048_576, G: 1_073_741_824 };

export function parseSysctl(output: string): SysctlFacts {
  const number = (pattern: RegExp): number | undefined => {
    const [, digits, unit] = pattern.exec(output) ?? [];
    return digits === undefined ? undefined : Math.round(Number(digits) * (UNIT_BYTES[unit ?? ''] ?? 1));
  };
  return {
    memoryBytes: number(/^hw\.memsize: (\d+)$/m),
    swapTotalBytes: number(/^vm\.swapusage: .*\btotal = ([\d.]+)([KMG])/m),
    swapUsedBytes: number(/^vm\.swapusage: .*\bused = ([\d.]+)([KMG])/m),
    bootSeconds: number(/^kern\.boottime: \{ sec = (\d+),/m),
  };
}

/** Counters of one network interface. */
export interface InterfaceCounters {
  readonly device: string;
  readonly receivePackets: number;
  readonly receiveErrors: number;
  readonly receiveBytes: number;
  readonly transmitPackets: number;
  readonly transmitErrors: number;
  readonly transmitBytes: number;
}

/**
 * `netstat -ibn`: one line per interface and address; the one of the link itself has `<Link#n>` for its network. Columns
 * are counted from the end, because the address may be missing.
 */
export function parseNetstat(output: string): InterfaceCounters[] {
  return output.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    if (!(columns[2] ?? '').startsWith('<Link#')) return [];
    const counts = columns.slice(-7).map(Number);
    const [receivePackets, receiveErrors, receiveBytes, transmitPackets, transmitErrors, transmitBytes] =
      counts;
    if (
      receivePackets === undefined ||
      receiveErrors === undefined ||
      receiveBytes === undefined ||
      transmitPackets === undefined ||
      transmitErrors === undefined ||
      transmitBytes === undefined ||
      counts.some(Number.isNaN)
    ) {
      return [];
    }
    return [
      {
        // An interface that is down is marked with a star.
        device: (columns[0] ?? '').replace(/\*$/, ''),
        receivePackets,
        receiveErrors,
        receiveBytes,
        transmitPackets,
        transmitErrors,
        transmitBytes,
      },
    ];
  });
}

/** Counters of one disk; times are seconds. */
export interface DiskCounters {
  readonly device: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly readSeconds: number;
  readonly writeSeconds: number;
}

const NS_PER_SECOND = 1e9;

/** `ioreg -rlw0 -c IOBlockStorageDriver`: statistics of each driver, below it the name of its medium. */
export function parseIoreg(output: string): DiskCounters[] {
  const disks: DiskCounters[] = [];
  let statistics: string | undefined;
  for (const line of output.split('\n')) {
    const match = /"(Statistics|BSD Name)" = (.*)$/.exec(line);
    if (match?.[1] === 'Statistics') statistics = match[2];
    if (match?.[1] !== 'BSD Name' || statistics === undefined) continue;
    const text = statistics;
    // Partitions follow below; they share the statistics of their disk.
    statistics = undefined;
    const count = (key: string): number =>
      Number(new RegExp(`"${key}"=(\\d+)`).exec(text)?.[1] ?? Number.NaN);
    const disk = {
      device: (match[2] ?? '').replaceAll('"', ''),
      reads: count('Operations \\(Read\\)'),
      writes: count('Operations \\(Write\\)'),
      readBytes: count('Bytes \\(Read\\)'),
      writtenBytes: count('Bytes \\(Write\\)'),
      readSeconds: count('Total Time \\(Read\\)') / NS_PER_SECOND,
      writeSeconds: count('Total Time \\(Write\\)') / NS_PER_SECOND,
    };
    disks.push(disk);
  }
  return disks;
}

/** A mounted file system. */
export interface MacMount {
  readonly device: string;
  readonly fstype: string;
  readonly mountpoint: string;
  readonly isReadonly: boolean;
  /** Somebody else has to answer for it. */
  readonly isRemote: boolean;
}

/** Names of file systems without a disk; the first three are node_exporter's defaults for macOS. */
const FSTYPE_EXCLUDED = /^(autofs|devfs|lifs|nullfs)$/;
const FSTYPE_REMOTE = /^(nfs|smbfs|afpfs|webdav|macfuse|osxfuse|ftp)$/;

/** `mount`: `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)`. */
export function parseMount(output: string): MacMount[] {
  return output.split('\n').flatMap((line) => {
    const match = /^(.+?) on (\/.*) \(([^()]+)\)$/.exec(line);
    const [fstype = '', ...options] = (match?.[3] ?? '').split(', ');
    if (match === null || FSTYPE_EXCLUDED.test(fstype)) return [];
    return [
      {
        device: match[1] ?? '',
        fstype,
        mountpoint: match[2] ?? '',
        isReadonly: options.includes('read-only'),
        isRemote: FSTYPE_REMOTE.test(fstype),
      },
    ];
  });
}
