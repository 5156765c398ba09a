/** Binding a server to its address, with errors that say what to do. */
import type { Server as HttpServer } from 'node:http';
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

/** @throws AppError PORT_TAKEN, BAD_CONFIG (the address is not one of this machine, or not allowed) */
export async function listen(
  server: HttpServer,
  address: { readonly host: string; readonly port: number },
): Promise<BoundServer> {
  const shown = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: address.port, host: address.host, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    if (systemErrorCode(error) === 'EADDRINUSE') {
      throw new AppError(
        'PORT_TAKEN',
        `address ${shown} is in use by another program: stop it, or choose another with --listen`,
      );
    }
    throw new AppError('BAD_CONFIG', `cannot listen on ${shown}: ${describeError(error)}`);
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return {
    url: `${scheme}://${shown.replace(/:\d+$/, '')}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
