/** Which connection attempts become WebSockets: the cheap checks before anything costly happens. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CONNECT_PATH, SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';

export type UpgradeRefusal = 'origin' | 'subprotocol' | 'admission' | 'unauthenticated' | 'draining';

const STATUS: Readonly<Record<UpgradeRefusal, string>> = {
  origin: '403 Forbidden',
  subprotocol: '426 Upgrade Required',
  admission: '503 Service Unavailable',
  unauthenticated: '503 Service Unavailable',
  draining: '503 Service Unavailable',
};

/** Whether the request is for the agents' socket at all. */
export function isConnectPath(request: IncomingMessage): boolean {
  return (request.url ?? '').split('?', 1)[0] === CONNECT_PATH;
}

/**
 * Why the request is refused for what it is, undefined when it is not. Agents never send an Origin, browsers always
 * do, so no page that somebody visits can reach the socket.
 */
export function refusalOf(request: IncomingMessage): 'origin' | 'subprotocol' | undefined {
  if (request.headers.origin !== undefined) return 'origin';
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL) ? undefined : 'subprotocol';
}

/**
 * Answers the request with an error and closes the connection.
 * @param retryAfterSeconds for refusals that pass
 */
export function refuseUpgrade(socket: Duplex, refusal: UpgradeRefusal, retryAfterSeconds?: number): void {
  const body = Buffer.from(`${JSON.stringify({ error: { code: refusal }, supported: [SUBPROTOCOL] })}\n`);
  const head = [
    `HTTP/1.1 ${STATUS[refusal]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...(refusal === 'subprotocol' ? ['Upgrade: websocket', `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`] : []),
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
  ];
  // The peer may be gone already; its socket then fails, which is no news.
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
}
