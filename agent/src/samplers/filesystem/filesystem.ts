/** Parses mountinfo. Source: proc_pid_mountinfo(5). */
import { ParseError } from '../parse.ts';

/** A mounted file system that is worth watching. */
export interface Mount {
  readonly device: string;
  readonly fstype: string;
  /** For people; may differ from `path` where that is not UTF-8. */
  readonly mountpoint: string;
  /** The mount point as the kernel knows it. */
  readonly path: Buffer;
  readonly isReadonly: boolean;
  /** Somebody else, a server or a program, has to answer for it. */
  readonly isRemote: boolean;
  /** The kernel has its numbers in memory, and nobody else is asked on the way to it: statfs(2) comes back at once. */
  readonly isImmediate: boolean;
}

// Both are the defaults of node_exporter 1.5.
const MOUNTPOINT_EXCLUDED =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/;
const FSTYPE_EXCLUDED =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$/;

const FSTYPE_REMOTE =
  /^(9p|afs|beegfs|ceph|cifs|coda|fuse|fuseblk|fuse\..*|glusterfs|gfs2|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|smb3|smbfs|virtiofs)$/;

/** Their statfs(2) adds up counters in memory; on others it may read a disk that is gone, or ask a program. */
const FSTYPE_IMMEDIATE = /^(btrfs|ext[234]|ramfs|tmpfs|xfs)$/;
/** On the way to a mount below one of these somebody may have to be asked. */
const FSTYPE_CROSSED_AT_ONCE = new RegExp(`${FSTYPE_IMMEDIATE.source}|${FSTYPE_EXCLUDED.source}`);
const AUTOMOUNT = 'autofs';

/** Place of the mount point and of the mount's options; optional fields follow, then a hyphen and three more. */
const MOUNTPOINT = 4;
const OPTIONS = 5;

/**
 * The file systems to watch, in the order of mountinfo. Of several mounted on top of each other only the last one can
 * be reached, so only that one is told. None is a valid answer.
 * @param bytes content of mountinfo: mount points are bytes, not text
 * @throws ParseError
 */
export function parseMounts(bytes: Buffer): readonly Mount[] {
  const mounts = new Map<string, Mount | undefined>();
  const slow: string[] = [];
  // Latin-1 keeps every byte as one character.
  for (const line of bytes.toString('latin1').split('\n')) {
    if (line === '') continue;
    const { key, mount, isSlowToCross } = parseLine(line);
    mounts.delete(key);
    mounts.set(key, mount);
    if (isSlowToCross) slow.push(key === '/' ? key : `${key}/`);
  }
  return [...mounts].flatMap(([key, mount]) => {
    if (mount === undefined) return [];
    const isBelowSlow = slow.some((prefix) => key.startsWith(prefix));
    return isBelowSlow ? { ...mount, isImmediate: false } : mount;
  });
}

interface MountLine {
  readonly key: string;
  readonly mount: Mount | undefined;
  readonly isSlowToCross: boolean;
}

function parseLine(line: string): MountLine {
  const fields = line.split(' ');
  const hyphen = fields.indexOf('-', OPTIONS + 1);
  const escapedPath = fields[MOUNTPOINT];
  const fstype = fields[hyphen + 1];
  const device = fields[hyphen + 2];
  if (hyphen === -1 || escapedPath === undefined || fstype === undefined || device === undefined) {
    throw new ParseError(`parse mountinfo: ${JSON.stringify(line.slice(0, 80))}`);
  }
  const path = Buffer.from(unescape(escapedPath), 'latin1');
  const mountpoint = path.toString();
  const key = escapedPath;
  const isSlowToCross = fstype === AUTOMOUNT || !FSTYPE_CROSSED_AT_ONCE.test(fstype);
  if (MOUNTPOINT_EXCLUDED.test(mountpoint) || FSTYPE_EXCLUDED.test(fstype)) {
    return { key, mount: undefined, isSlowToCross };
  }
  const options = [fields[OPTIONS], fields[hyphen + 3]].join(',').split(',');
  const mount = {
    device: Buffer.from(unescape(device), 'latin1').toString(),
    fstype,
    mountpoint,
    path,
    isReadonly: options.includes('ro'),
    isRemote: FSTYPE_REMOTE.test(fstype),
    isImmediate: FSTYPE_IMMEDIATE.test(fstype),
  };
  return { key, mount, isSlowToCross };
}

/** The kernel writes space, tab, line break, backslash and number sign as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
