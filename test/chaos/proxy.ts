/** A TCP proxy that spoils what passes through it. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What happens to the bytes of one direction. */
export interface Weather {
  /** Each piece waits so long. */
  delayMs: number;
  /** At most; 0 for no limit. */
  bytesPerSecond: number;
  /** Nothing passes, but all of it is kept for later. */
  isFrozen: boolean;
  /** What comes is thrown away. */
  isDropping: boolean;
}

const DRIP_MS = 100;

export class ChaosProxy {
  readonly up: Weather = clear();
  readonly down: Weather = clear();
  /** New connections are reset. */
  isClosed = false;
  /** New connections are reset after so many bytes of the agent; 0 for never. */
  cutAfterBytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targetPort: () => number;

  private constructor(targetPort: () => number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on a free port of `host`. */
  static async start(targetPort: () => number, host = '127.0.0.1'): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, host, resolve));
    return proxy;
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  /** Fair weather again. */
  calm(): void {
    Object.assign(this.up, clear());
    Object.assign(this.down, clear());
    this.isClosed = false;
    this.cutAfterBytes = 0;
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #accept(agent: Socket): void {
    if (this.isClosed) return void agent.resetAndDestroy();
    const collector = connect({ host: '127.0.0.1', port: this.#targetPort() });
    for (const socket of [agent, collector]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        agent.destroy();
        collector.destroy();
      });
    }
    const cutAfter = this.cutAfterBytes;
    let sent = 0;
    agent.on('data', (bytes: Buffer) => {
      sent += bytes.length;
      if (cutAfter > 0 && sent >= cutAfter) {
        collector.write(bytes.subarray(0, Math.max(0, bytes.length - (sent - cutAfter))));
        agent.resetAndDestroy();
      }
    });
    this.#carry(agent, collector, this.up);
    this.#carry(collector, agent, this.down);
  }

  /** Moves bytes in order, each piece not before its time. */
  #carry(from: Socket, to: Socket, weather: Weather): void {
    const waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
    from.on('data', (bytes: Buffer) => {
      if (!weather.isDropping) waiting.push({ bytes, dueMs: Date.now() + weather.delayMs });
      move();
    });
    const move = (): void => {
      // Whole bytes: a rest of half a byte would be sent for ever.
      const drip = Math.max(1, Math.floor((weather.bytesPerSecond * DRIP_MS) / 1_000));
      let budget = weather.bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : drip;
      while (waiting[0] !== undefined && !weather.isFrozen && waiting[0].dueMs <= Date.now() && budget > 0) {
        const { bytes, dueMs } = waiting[0];
        const part = bytes.subarray(0, budget);
        budget -= part.length;
        if (part.length === bytes.length) waiting.shift();
        else waiting[0] = { bytes: bytes.subarray(part.length), dueMs };
        if (to.writable) to.write(part);
      }
    };
    const timer = setInterval(move, DRIP_MS);
    to.once('close', () => clearInterval(timer));
  }
}

function clear(): Weather {
  return { delayMs: 0, bytesPerSecond: 0, isFrozen: false, isDropping: false };
}
