/** Binding a server to its address, with errors that say what to do. */
import type { Server as HttpServer } from 'node:http';
import {
  createServer as createSocketServer,
  type ListenOptions,
  type Server as SocketServer,
} from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';

export interface BoundServer {
  /** With the port that the system chose when 0 was asked for. */
  readonly url: string;
  /** Stops accepting and ends idle connections; resolves when all are gone. */
  close(this: void): Promise<void>;
}

/** Connections that may wait to be accepted; a fleet that comes back must not wait for its SYNs to be sent again. */
const BACKLOG = 4_096;
/**
 * Sockets that listen at the address. Each takes one connection in a turn of the event loop (libuv 1.52, uv__server_io), so
 * that a single one lets in as few agents a second as there are turns, some hundred in a busy collector. The others wait in
 * the kernel's queue until they lose their place in it, or have given up when it is their turn. Sixteen take more than a turn
 * can log in: to refuse the rest at once is a tenth of the work of a login, half of that of greeting who has given up.
 */
const ACCEPTORS = 16;

/** From Node.js, and from kernels and sandboxes without SO_REUSEPORT. */
const CANNOT_SHARE: ReadonlySet<string> = new Set(['ENOTSUP', 'ENOPROTOOPT']);

/** @throws AppError PORT_TAKEN, BAD_CONFIG (the address is not one of this machine, or not allowed) */
export async function listen(
  server: HttpServer,
  address: { readonly host: string; readonly port: number },
): Promise<BoundServer> {
  const shown = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  let servers: readonly SocketServer[];
  try {
    servers = await bindAll(server, address);
  } catch (error) {
    if (systemErrorCode(error) === 'EADDRINUSE') {
      throw new AppError(
        'PORT_TAKEN',
        `address ${shown} is in use by another program: stop it, or choose another with --listen`,
      );
    }
    throw new AppError('BAD_CONFIG', `cannot listen on ${shown}: ${describeError(error)}`);
  }
  const port = portOf(server) ?? address.port;
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return {
    url: `${scheme}://${shown.replace(/:\d+$/, '')}:${port}`,
    close: async () => {
      const closed = Promise.all(servers.map(close));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** @returns `server` and those that take connections for it; alone where the system cannot share an address */
async function bindAll(
  server: HttpServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<readonly SocketServer[]> {
  if (port !== 0) {
    // Those who share an address do not keep each other out: a second collector is only met by asking for it alone.
    const probe = createSocketServer();
    await bind(probe, { host, port });
    await close(probe);
  }
  try {
    await bind(server, { host, port, backlog: BACKLOG, reusePort: true });
  } catch (error) {
    if (!CANNOT_SHARE.has(systemErrorCode(error) ?? '')) throw error;
    await bind(server, { host, port, backlog: BACKLOG });
    return [server];
  }
  const servers: SocketServer[] = [server];
  try {
    while (servers.length < ACCEPTORS) {
      // As a server for HTTP has them, and one for HTTPS.
      const allowHalfOpen = !(server instanceof TlsServer);
      const acceptor = createSocketServer({ allowHalfOpen, noDelay: true }, (socket) =>
        server.emit('connection', socket),
      );
      await bind(acceptor, { host, port: portOf(server) ?? port, backlog: BACKLOG, reusePort: true });
      servers.push(acceptor);
    }
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
  return servers;
}

async function bind(server: SocketServer, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: SocketServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function portOf(server: SocketServer): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : undefined;
}
