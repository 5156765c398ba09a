/** Receivers on loopback that misbehave, for tests of everything that sends to them. */
import { createServer, type Server, type Socket } from 'node:net';

/** A receiver that answers in bytes, so that it can be as hostile as it likes. */
export interface HostileReceiver {
  readonly port: number;
  /** Everything that was received, one text for each connection. */
  readonly requests: string[];
}

const servers: Server[] = [];
const sockets = new Set<Socket>();

/** Closes all of them, with their connections. For `afterEach`. */
export function closeReceivers(): void {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
}

/**
 * Starts one on a free port of 127.0.0.1.
 * @param answer called once the head of a request has arrived; `index` counts the connections from 0
 */
export async function hostile(answer: (socket: Socket, index: number) => void): Promise<HostileReceiver> {
  const requests: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    const index = requests.push('') - 1;
    let isAnswered = false;
    socket.on('data', (chunk) => {
      requests[index] += chunk.toString();
      if (isAnswered || !requests[index]?.includes('\r\n\r\n')) return;
      isAnswered = true;
      answer(socket, index);
    });
    // Whoever is cut off does not matter here.
    socket.on('error', () => socket.destroy());
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return { port: address.port, requests };
}

/** Lets real I/O happen until `isTrue`, without real waiting. */
export async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 100_000; i++) {
    if (isTrue()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('what was waited for did not happen');
}

/** Answers with a status line (and headers) and a body. */
export function reply(head: string, body = ''): (socket: Socket) => void {
  return (socket) => socket.end(`HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
