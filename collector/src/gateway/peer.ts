/** A socket of an agent as the gateway sees it. */
import type { Duplex } from 'node:stream';
import type { RawData } from 'ws';

/** What a connection needs of a `WebSocket` of ws; the simulated network has another one. */
export interface PeerSocket {
  readonly OPEN: number;
  readonly readyState: number;
  readonly bufferedAmount: number;
  on(event: 'message', listener: (data: RawData, isBinary: boolean) => void): unknown;
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  send(bytes: Buffer): void;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
  /** Stops and goes on with reading; without them everything that is sent is taken in at once. */
  pause?(): void;
  resume?(): void;
}

/** A socket that was let in. */
export interface Peer {
  readonly webSocket: PeerSocket;
  /** What lies below it. */
  readonly socket: Duplex;
  /** As failed logins are counted by. */
  readonly address: string;
  /** What only the two ends of its TLS session know; empty without TLS. */
  readonly channelBinding: Buffer;
}
