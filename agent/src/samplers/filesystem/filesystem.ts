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
}

// Both are the defaults of node_exporter 1.5.
const MOUNTPOINT_EXCLUDED =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/;
const FSTYPE_EXCLUDED =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$/;

const FSTYPE_REMOTE =
  /^(9p|afs|beegfs|ceph|cifs|coda|fuse|fuseblk|fuse\..*|glusterfs|gfs2|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|smb3|smbfs|virtiofs)$/;

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
  // Latin-1 keeps every byte as one character.
  for (const line of bytes.toString('latin1').split('\n')) {
    if (line === '') continue;
    const { key, mount } = parseLine(line);
    mounts.delete(key);
    mounts.set(key, mount);
  }
  return [...mounts.values()].filter((mount) => mount !== undefined);
}

function parseLine(line: string): { readonly key: string; readonly mount: Mount | undefined } {
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
  if (MOUNTPOINT_EXCLUDED.test(mountpoint) || FSTYPE_EXCLUDED.test(fstype)) return { key, mount: undefined };
  const options = [fields[OPTIONS], fields[hyphen + 3]].join(',').split(',');
  const mount = {
    device: Buffer.from(unescape(device), 'latin1').toString(),
    fstype,
    mountpoint,
    path,
    isReadonly: options.includes('ro'),
    isRemote: FSTYPE_REMOTE.test(fstype),
  };
  return { key, mount };
}

/** The kernel writes space, tab, line break, backslash and number sign as three octal digits. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
