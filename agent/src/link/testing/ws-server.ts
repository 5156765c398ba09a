/** WebSocket servers on loopback for tests of the real socket. */
import { readFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';

/** Certificates made for tests only: `localhost` for this machine, `other` for another name. */
export function testCertificate(name: 'localhost' | 'other'): {
  readonly cert: string;
  readonly key: string;
} {
  const read = (kind: string): string =>
    readFileSync(join(import.meta.dirname, '../testdata', `${name}.${kind}.pem`), 'utf8');
  return { cert: read('cert'), key: read('key') };
}

export interface WsServer {
  /** Address to configure: `http://127.0.0.1:port` or `https://…`. */
  readonly url: string;
  close(): void;
}

export interface WsServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Each new connection. */
  readonly onSocket?: (socket: WebSocket, request: IncomingMessage) => void;
  /** Answers the upgrade in place of the WebSocket server. */
  readonly onUpgrade?: (transport: Duplex, request: IncomingMessage) => void;
  /** Answers requests that are no upgrades. */
  readonly onRequest?: RequestListener;
  /** @default the agent's */
  readonly subprotocol?: string | false;
}

export async function startWsServer(options: WsServerOptions): Promise<WsServer> {
  const { tls, subprotocol = SUBPROTOCOL } = options;
  const http: Server = tls === undefined ? createHttpServer() : createHttpsServer({ ...tls });
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: true,
    handleProtocols: () => subprotocol,
  });
  if (options.onRequest !== undefined) http.on('request', options.onRequest);
  http.on('upgrade', (request: IncomingMessage, transport: Duplex, head: Buffer) => {
    if (options.onUpgrade !== undefined) options.onUpgrade(transport, request);
    else server.handleUpgrade(request, transport, head, (socket) => options.onSocket?.(socket, request));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    close() {
      for (const socket of server.clients) socket.terminate();
      http.closeAllConnections();
      http.close();
    },
  };
}
