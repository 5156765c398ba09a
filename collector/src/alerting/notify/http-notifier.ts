/** A receiver that takes each notification as one POST: what all of them do alike. */
import { resultOfAnswer, resultOfError, type AnswerOptions } from './answer.ts';
import type { Notification, Notifier, NotifierPorts, SendResult } from './notifier.ts';
import type { PostAnswer, PostRequest } from './post.ts';

export interface HttpReceiver {
  /** The request; equal in all attempts but for what a signature of the time needs. */
  readonly request: (notification: Notification, nowMs: number) => PostRequest;
  /** Texts that no answer may bring into our database. */
  readonly secrets: readonly string[];
  /** What an answer means, where that is not what HTTP says. */
  readonly judge?: (answer: PostAnswer, options: AnswerOptions) => SendResult;
}

export function httpNotifier(
  { request, secrets, judge = resultOfAnswer }: HttpReceiver,
  ports: NotifierPorts,
): Notifier {
  return {
    async send(notification, signal) {
      try {
        const answer = await ports.post(request(notification, ports.clock.wallMs()), signal);
        return judge(answer, { nowMs: ports.clock.wallMs(), secrets });
      } catch (error) {
        return resultOfError(error);
      }
    },
  };
}

/** A POST of JSON with the keys by which a receiver can tell a repeat. */
export function jsonRequest(
  url: string,
  {
    notification,
    body,
    headers = {},
  }: {
    readonly notification: Notification;
    readonly body: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): PostRequest {
  return {
    url,
    headers: { 'content-type': 'application/json', 'idempotency-key': notification.transitionId, ...headers },
    body,
  };
}

/** Shorter parts of a URL are no secrets, and would blacken half of an answer. */
const SECRET_LENGTH_MIN = 4;

/** The parts of a URL that an answer must not bring into our database: path, query, and each of their parts. */
export function secretsOfUrl(text: string): readonly string[] {
  const url = new URL(text);
  const parts = [url.search, url.pathname, ...url.pathname.split('/'), ...url.searchParams.values()];
  return parts.filter((part) => part.length >= SECRET_LENGTH_MIN);
}

/**
 * The wait that a receiver asks for in its JSON answer.
 * @param path names of the fields down to a number of seconds
 */
export function waitInBody(body: string, path: readonly string[]): number | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return null;
    value = new Map<string, unknown>(Object.entries(value)).get(name);
  }
  return typeof value === 'number' && value >= 0 && value < 86_400 ? Math.ceil(value * 1000) : null;
}
