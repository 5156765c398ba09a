/** Listening sockets of the machine's own network; those of containers belong to the containers. */
import { HostError, isAbsent, type Host } from '../../host/host.ts';
import { word } from '../raw.ts';
import { isDenied, linkTarget, listNames, readText, type SectionReader } from '../source.ts';
import { parseAccounts } from '../users/users.ts';
import { isPassing, ownerOf, parsePortRange, parseSocketTable, portsContent, type Owners } from './ports.ts';

/** Process 1 lives in the network that people mean. */
const TABLES = [
  ['/proc/1/net/tcp', 'tcp'],
  ['/proc/1/net/tcp6', 'tcp'],
  ['/proc/1/net/udp', 'udp'],
  ['/proc/1/net/udp6', 'udp'],
] as const;
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

export const portsReader: SectionReader = {
  name: 'ports',
  read({ host }) {
    const sockets = TABLES.flatMap(([path, protocol]) => {
      return parseSocketTable(readText(host, path) ?? '', protocol);
    });
    const range = parsePortRange(readText(host, PORT_RANGE));
    const kept = sockets.filter((socket) => !isPassing(socket, range));
    const owners = findOwners(host, new Set(kept.map(({ inode }) => inode)));
    const users = new Map(
      parseAccounts(readText(host, '/etc/passwd') ?? '').map(({ uid, name }) => [uid, name]),
    );
    return portsContent(
      kept.map((socket) => ({
        protocol: socket.protocol,
        address: socket.address,
        port: socket.port,
        process: ownerOf(socket, owners),
        user: users.get(socket.uid) ?? String(socket.uid),
      })),
    );
  },
};

/** Looks into `/proc/<pid>/fd` (proc_pid_fd(5)), which for processes of other users needs CAP_SYS_PTRACE. */
function findOwners(host: Host, wanted: ReadonlySet<number>): Owners {
  const nameByInode = new Map<number, string>();
  let isPartial = false;
  for (const pid of listNames(host, '/proc').filter((name) => /^\d+$/.test(name))) {
    if (nameByInode.size === wanted.size) break;
    try {
      const inodes = listNames(host, `/proc/${pid}/fd`).map((file) => socketInode(host, pid, file));
      const found = inodes.filter((inode) => wanted.has(inode) && !nameByInode.has(inode));
      if (found.length === 0) continue;
      const name = word(readText(host, `/proc/${pid}/comm`)?.trim());
      for (const inode of found) nameByInode.set(inode, name);
    } catch (error) {
      if (isDenied(error)) isPartial = true;
      // A process that has ended in the meantime holds nothing.
      else if (!(error instanceof HostError) || !isAbsent(error)) throw error;
    }
  }
  return { nameByInode, isPartial };
}

/** The number in `socket:[1234]`; 0 for anything else. */
function socketInode(host: Host, pid: string, file: string): number {
  const target = linkTarget(host, `/proc/${pid}/fd/${file}`) ?? '';
  return Number(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? 0);
}
