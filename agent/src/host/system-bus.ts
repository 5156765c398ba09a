/**
 * Asks systemd for its units over the system bus, a Unix socket: no program is started for it. Each question takes a
 * connection of its own, which is closed again; systemd needs about 10 µs per unit for the answer.
 */
import { createConnection, type Socket } from 'node:net';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import { encodeCall, readMessage, type BusMessage, type BusReader } from './dbus.ts';
import { HostError } from './host.ts';

export const SYSTEM_BUS_PATH = '/run/dbus/system_bus_socket';

/** A unit of systemd, in its own words. */
export interface SystemUnit {
  /** `ssh.service` */
  readonly name: string;
  /** `loaded`, `not-found`, `masked` … */
  readonly loadState: string;
  /** `active`, `failed` … */
  readonly activeState: string;
}

const HELLO_SERIAL = 1;
const LIST_SERIAL = 2;
const ANSWER = 2;
const FAILURE = 3;
const HELLO = encodeCall({
  serial: HELLO_SERIAL,
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
});
const LIST_UNITS = encodeCall({
  serial: LIST_SERIAL,
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
  member: 'ListUnits',
});
const GREETING_BYTES_MAX = 512;

/**
 * All units that systemd has in memory, in its order.
 * @param signal ends the waiting
 * @throws HostError absent (no bus, or no systemd behind it), denied, timeout, io
 */
export function listSystemUnits(signal: AbortSignal, path = SYSTEM_BUS_PATH): Promise<readonly SystemUnit[]> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const conversation = new Conversation(socket);
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const fail = (error: HostError): void => end(() => reject(error));
    const onAbort = (): void => fail(new HostError('timeout', `ask ${path}: no answer in time`));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => fail(socketError(path, error)));
    socket.once('close', () => fail(new HostError('io', `ask ${path}: it hung up`)));
    socket.once('connect', () => conversation.begin());
    socket.on('data', (chunk: Buffer) => {
      try {
        const units = conversation.receive(chunk);
        if (units !== undefined) end(() => resolve(units));
      } catch (error) {
        fail(error instanceof HostError ? error : new HostError('io', `ask ${path}`, { cause: error }));
      }
    });
  });
}

/** What is said and heard on one connection. Source: D-Bus specification, "Authentication Protocol". */
class Conversation {
  readonly #socket: Socket;
  #isAuthenticated = false;
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Says who we are; the kernel tells the bus whether that is true. */
  begin(): void {
    const user = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    this.#socket.write(`\0AUTH EXTERNAL ${user}\r\n`);
  }

  /** The units once the answer is complete. Throws HostError. */
  receive(chunk: Buffer): readonly SystemUnit[] | undefined {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (!this.#isAuthenticated && !this.#readGreeting()) return undefined;
    for (let message = this.#nextMessage(); message !== undefined; message = this.#nextMessage()) {
      if (message.type === FAILURE) throw busError(message.errorName);
      if (message.type === ANSWER && message.replySerial === LIST_SERIAL) return parseUnits(message.body);
    }
    return undefined;
  }

  #readGreeting(): boolean {
    const end = this.#received.indexOf('\r\n');
    if (end === -1 && this.#received.length < GREETING_BYTES_MAX) return false;
    const line = this.#received.toString('latin1', 0, Math.max(0, end));
    if (!line.startsWith('OK ')) throw new HostError('denied', 'ask the system bus: it does not accept us');
    this.#received = this.#received.subarray(end + 2);
    this.#isAuthenticated = true;
    this.#socket.write(Buffer.concat([Buffer.from('BEGIN\r\n'), HELLO, LIST_UNITS]));
    return true;
  }

  #nextMessage(): BusMessage | undefined {
    const message = readMessage(this.#received);
    if (message !== undefined) this.#received = this.#received.subarray(message.length);
    return message;
  }
}

/** An array of structs `(ssssssouso)`. Source: org.freedesktop.systemd1(5), ListUnits. */
function parseUnits(body: BusReader): readonly SystemUnit[] {
  const bytes = body.u32();
  body.align(8);
  const end = body.offset + bytes;
  const units: SystemUnit[] = [];
  while (body.offset < end) {
    body.align(8);
    const [name, , loadState, activeState] = [body.text(), body.text(), body.text(), body.text()];
    // Sub-state, unit that is followed, path.
    body.text();
    body.text();
    body.text();
    // Number, kind and path of the job under way.
    body.u32();
    body.text();
    body.text();
    units.push({ name, loadState, activeState });
  }
  return units;
}

function busError(name: string): HostError {
  const isDenied = name === 'org.freedesktop.DBus.Error.AccessDenied';
  const isAbsent = /\.(ServiceUnknown|NameHasNoOwner)$/.test(name);
  return new HostError(isDenied ? 'denied' : isAbsent ? 'absent' : 'io', `ask systemd: ${name}`);
}

function socketError(path: string, cause: Error): HostError {
  const code = systemErrorCode(cause) ?? '';
  const kind = code === 'ENOENT' || code === 'ECONNREFUSED' ? 'absent' : code === 'EACCES' ? 'denied' : 'io';
  return new HostError(kind, `ask ${path}`, { cause });
}
