/** Ports that programs listen on. Pure: the kernel's tables in, listeners out. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { NOT_READABLE, type InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { records, text, whole, word } from '../raw.ts';

export type Protocol = 'tcp' | 'udp';

/** A socket that waits for others. */
export interface Socket {
  readonly protocol: Protocol;
  /** As people write it: `0.0.0.0`, `::1`. */
  readonly address: string;
  readonly port: number;
  /** Number of the socket; 0 when the kernel itself listens. */
  readonly inode: number;
  readonly uid: number;
}

/** A socket and who owns it. */
export interface Listener {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Name of the process; NOT_READABLE when it is another user's; null when no process owns it. */
  readonly process: string | null;
  /** Name of the user, null when it is not known. */
  readonly user: string | null;
}

const LISTENERS_MAX = 4_096;

export function portsContent(listeners: readonly Listener[]): InventoryRecord {
  const byKey = new Map(listeners.map((each) => [JSON.stringify(each), each]));
  const sorted = [...byKey.values()].sort(
    (left, right) =>
      compareUtf8(left.protocol, right.protocol) ||
      left.port - right.port ||
      compareUtf8(left.address, right.address) ||
      compareUtf8(left.process ?? '', right.process ?? ''),
  );
  const kept = sorted.slice(0, LISTENERS_MAX);
  return {
    ...(sorted.length > kept.length ? { omitted: sorted.length - kept.length } : {}),
    ports: kept.map(({ protocol, address, port, process, user }) => ({
      protocol,
      address,
      port,
      process,
      user,
    })),
  };
}

/** States of include/net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which UDP shows for a socket without a peer. */
const LISTEN = '0A';
const UNCONNECTED = '07';

/** The listening sockets of `/proc/net/{tcp,tcp6,udp,udp6}` (proc_pid_net(5)). Lines that are no sockets are skipped. */
export function parseSocketTable(table: string, protocol: Protocol): Socket[] {
  const state = protocol === 'tcp' ? LISTEN : UNCONNECTED;
  return table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [address, port] = (columns[1] ?? '').split(':');
    const isListening = columns[3] === state && (columns[2] ?? '').endsWith(':0000');
    const inode = whole(columns[9]);
    const uid = whole(columns[7]);
    if (!isListening || inode === null || uid === null || address === undefined) return [];
    const shown = addressText(address);
    if (shown === undefined || !/^[0-9A-F]{4}$/.test(port ?? '')) return [];
    return [{ protocol, address: shown, port: Number.parseInt(port ?? '', 16), inode, uid }];
  });
}

/** An address as the kernel prints it: words of 32 bits in the byte order of the machine, here little-endian. */
function addressText(hex: string): string | undefined {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)) return undefined;
  const bytes = Buffer.from(hex, 'hex').swap32();
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':');
  // The platform knows the short form (RFC 5952).
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}

/** Ports that the kernel gives to programs which do not ask for one (ip_local_port_range). */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

const RANGE_DEFAULT: PortRange = { from: 32_768, to: 60_999 };

export function parsePortRange(content: string | undefined): PortRange {
  const [from, to] = (content ?? '').trim().split(/\s+/).map(whole);
  if (typeof from !== 'number' || typeof to !== 'number' || from > to) return RANGE_DEFAULT;
  return { from, to };
}

/**
 * Whether a socket is there by chance: UDP on a port that nobody asked for is mostly the near end of a question, and TCP
 * on such a port of loopback is a program that talks to itself. They would make every reading differ.
 */
export function isPassing({ protocol, address, port }: Socket, range: PortRange): boolean {
  const isGiven = port >= range.from && port <= range.to;
  return isGiven && (protocol === 'udp' || address.startsWith('127.') || address === '::1');
}

/** Which process holds which socket. */
export interface Owners {
  readonly nameByInode: ReadonlyMap<number, string>;
  /** Whether the sockets of some processes could not be seen. */
  readonly isPartial: boolean;
}

export function ownerOf({ inode }: Socket, { nameByInode, isPartial }: Owners): string | null {
  return nameByInode.get(inode) ?? (isPartial ? NOT_READABLE : null);
}

/** `lsof -FpcLPn`: one field a line: p process, c command, L user, P protocol, n name `*:22`, `[::1]:631`. */
export function parseLsof(output: string): Listener[] {
  const listeners: Listener[] = [];
  let process: string | null = null;
  let user: string | null = null;
  for (const line of output.split('\n')) {
    const value = line.slice(1);
    if (line.startsWith('p')) [process, user] = [null, null];
    else if (line.startsWith('c')) process = word(value);
    else if (line.startsWith('L')) user = word(value);
    const match = line.startsWith('n') ? /^(.*):(\d{1,5})$/.exec(value) : null;
    if (match === null) continue;
    const address = word((match[1] ?? '').replace(/^\[|\]$/g, ''));
    listeners.push({ protocol: 'tcp', address, port: Number(match[2]), process, user });
  }
  return listeners;
}

/** What `Get-NetTCPConnection -State Listen | ConvertTo-Json` prints. The own processes of Windows need no rights. */
export function parseWindowsListeners(output: string): Listener[] {
  if (output.trim() === '') return [];
  const root: unknown = JSON.parse(output);
  return records(Array.isArray(root) ? root : [root], LISTENERS_MAX).flatMap((raw) => {
    const port = raw['LocalPort'];
    if (typeof port !== 'number') return [];
    const address = text(raw, 'LocalAddress') ?? '';
    return [{ protocol: 'tcp' as const, address, port, process: text(raw, 'Process'), user: null }];
  });
}
