/** Receivers on loopback, each with a trouble of its own, and the book of all that came to them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Random } from '../../simulation/random.ts';

/** What a receiver does with a message. */
export type Answer =
  /** 200, after so long. */
  | { readonly kind: 'taken'; readonly delayMs: number }
  /** Says that it did not take it; `retryAfter` in seconds. */
  | { readonly kind: 'failed'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'refused' }
  /** Has it, and never says so: the connection is left open, or cut. */
  | { readonly kind: 'unanswered'; readonly isCut: boolean };

/** A whole message that came in. */
export interface Arrival {
  readonly receiver: string;
  /** `webhook-id`. */
  readonly id: string;
  readonly incidentId: string;
  readonly sequence: number;
  readonly body: string;
  readonly answer: Answer['kind'];
}

const TAKEN: Answer = { kind: 'taken', delayMs: 0 };

/** By name. What is refused depends on the id alone: a refusal is for good. */
const RECEIVERS: Readonly<Record<string, (random: Random, id: string) => Answer>> = {
  good: () => TAKEN,
  fails: (random) => (random.isTrue(0.35) ? { kind: 'failed', status: random.pick([500, 502, 503]) } : TAKEN),
  busy: (random) => (random.isTrue(0.3) ? { kind: 'failed', status: 429, retryAfter: '1' } : TAKEN),
  hangs: (random) => (random.isTrue(0.2) ? { kind: 'unanswered', isCut: random.isTrue(0.8) } : TAKEN),
  slow: (random) => ({ kind: 'taken', delayMs: random.integer(100, 1_500) }),
  refuses: (_random, id) => (id.endsWith('0') ? { kind: 'refused' } : TAKEN),
};

export interface Receivers {
  readonly names: readonly string[];
  readonly port: number;
  /** In the order of their coming. */
  readonly arrivals: readonly Arrival[];
  urlOf(name: string): string;
  /** From now on everything is taken at once, but for what is refused; what hangs is cut. */
  heal(): void;
  close(): void;
}

/** Starts all of them on one free port. */
export async function startReceivers(random: Random): Promise<Receivers> {
  const arrivals: Arrival[] = [];
  const hanging = new Set<ServerResponse>();
  let isHealed = false;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A sender that is killed in the middle of a message has sent nothing.
    request.on('error', () => response.destroy());
    request.on('end', () => {
      const receiver = request.url?.slice(1) ?? '';
      const id = headerOf(request, 'webhook-id');
      const planned = RECEIVERS[receiver]?.(random, id) ?? { kind: 'refused' };
      const answer = isHealed && planned.kind !== 'refused' ? TAKEN : planned;
      arrivals.push({
        receiver,
        id,
        incidentId: headerOf(request, 'x-rollcall-incident'),
        sequence: Number(headerOf(request, 'x-rollcall-sequence')),
        body: Buffer.concat(chunks).toString('utf8'),
        answer: answer.kind,
      });
      if (answer.kind === 'unanswered' && !answer.isCut) hanging.add(response);
      else give(answer, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receivers have no address');
  const { port } = address;
  return {
    names: Object.keys(RECEIVERS),
    port,
    arrivals,
    urlOf: (name) => `http://127.0.0.1:${port}/${name}`,
    heal: () => {
      isHealed = true;
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function give(answer: Answer, response: ServerResponse): void {
  switch (answer.kind) {
    case 'taken':
      setTimeout(() => response.end('ok'), answer.delayMs);
      return;
    case 'failed':
      if (answer.retryAfter !== undefined) response.setHeader('retry-after', answer.retryAfter);
      response.writeHead(answer.status).end('not now');
      return;
    case 'refused':
      response.writeHead(400).end('never');
      return;
    case 'unanswered':
      response.destroy();
      return;
    default:
      answer satisfies never;
  }
}
