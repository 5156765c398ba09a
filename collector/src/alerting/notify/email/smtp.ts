/** One mail to a checked server: bounded in time, on a connection of its own. */
import { connect, isIP, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError, systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Secret } from '@rollcall/shared/lib/secret.ts';
import { POST_LIMITS } from '../post.ts';
import type { CheckedTarget, TargetGuard } from '../target.ts';

export type MailSecurity = 'starttls' | 'implicit' | 'none';

export interface MailRequest {
  readonly host: string;
  readonly port: number;
  /** `starttls` refuses a server that does not offer it. */
  readonly security: MailSecurity;
  readonly login: { readonly user: string; readonly password: Secret } | null;
  readonly from: string;
  readonly to: readonly string[];
  readonly message: Mail;
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** With angle brackets; equal in all attempts. */
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the server said of the message, or of the addresses that it did not take. */
export interface MailAnswer {
  /** Of SMTP: 2xx taken, 4xx later perhaps, 5xx never. */
  readonly status: number;
  readonly text: string;
  /** Addresses that it took. */
  readonly acceptedCount: number;
}

/**
 * Sends one message and returns the answer, whatever it is.
 * @throws AppError TARGET_FORBIDDEN, NOTIFY_FAILED (retryable) when there was no answer; the reason of `signal` when aborted
 */
export type SendMail = (request: MailRequest, signal: AbortSignal) => Promise<MailAnswer>;

export interface SmtpOptions {
  readonly clock: Clock;
  readonly guard: TargetGuard;
  readonly limits?: { readonly connectMs: number; readonly totalMs: number };
  /** Certificates that are trusted besides those of the system, in PEM form. */
  readonly ca?: string | undefined;
}

/** Of an answer; more of it is cut off. */
const ANSWER_LENGTH_MAX = 1_000;

export function createSmtp({ clock, guard, limits = POST_LIMITS, ca }: SmtpOptions): SendMail {
  return async (request, signal) => {
    const server = `${request.host}:${request.port}`;
    const total = new AbortController();
    const timer = clock.setTimer(limits.totalMs, () =>
      total.abort(failure(server, `no answer within ${limits.totalMs} ms`)),
    );
    const stop = AbortSignal.any([signal, total.signal]);
    let socket: Socket | undefined;
    let cutOff: (() => void) | undefined;
    const stopped = new Promise<never>((_resolve, reject) => {
      cutOff = () => {
        reject(reasonOf(stop));
        socket?.destroy();
      };
      stop.addEventListener('abort', cutOff, { once: true });
    });
    const converse = async (): Promise<MailAnswer> => {
      const scheme = request.security === 'none' ? 'smtp' : 'smtps';
      const target = await guard.check(`${scheme}://${server}`, 'mail');
      stop.throwIfAborted();
      socket = await connected(target, request.port, { clock, connectMs: limits.connectMs, stop });
      return transfer(socket, request, ca);
    };
    try {
      stop.throwIfAborted();
      return await Promise.race([converse(), stopped]);
    } catch (error) {
      if (stop.aborted) throw reasonOf(stop);
      if (error instanceof AppError) throw error;
      throw failure(server, systemErrorCode(error) ?? describeError(error));
    } finally {
      timer.cancel();
      if (cutOff !== undefined) stop.removeEventListener('abort', cutOff);
      socket?.destroy();
    }
  };
}

/** A connection to one of the checked addresses. */
function connected(
  target: CheckedTarget,
  port: number,
  {
    clock,
    connectMs,
    stop,
  }: { readonly clock: Clock; readonly connectMs: number; readonly stop: AbortSignal },
): Promise<Socket> {
  const { addresses, url } = target;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: url.hostname,
      port,
      autoSelectFamily: true,
      lookup: (_host, options, callback) => {
        const [first] = addresses;
        if (options.all) callback(null, [...addresses]);
        else if (first !== undefined) callback(null, first.address, first.family);
        else callback(new Error('no address'), '');
      },
      signal: stop,
    });
    const timer = clock.setTimer(connectMs, () =>
      socket.destroy(failure(url.host, `no connection within ${connectMs} ms`)),
    );
    socket.once('close', () => timer.cancel());
    socket.once('error', reject);
    socket.once('connect', () => {
      timer.cancel();
      if (target.includes(socket.remoteAddress)) resolve(socket);
      else socket.destroy(failure(url.host, 'connected to an address that was not checked'));
    });
  });
}

async function transfer(socket: Socket, request: MailRequest, ca: string | undefined): Promise<MailAnswer> {
  const { host, port, security, login, from, to, message } = request;
  const transport = createTransport({
    connection: socket,
    host,
    port,
    secure: security === 'implicit',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: {
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
    },
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password.reveal() } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const sent = await transport.sendMail({ from, to: [...to], ...message });
    const [refused] = sent.rejectedErrors ?? [];
    const acceptedCount = sent.accepted.length;
    if (refused === undefined) return { status: 250, text: cut(sent.response), acceptedCount };
    return { ...answerIn(refused), acceptedCount };
  } catch (error) {
    const answer = answerIn(error);
    if (answer.status === 0) throw error;
    return { ...answer, acceptedCount: 0 };
  } finally {
    transport.close();
  }
}

/** What the server said, as the library puts it into its errors; status 0 when it said nothing. */
function answerIn(error: unknown): { readonly status: number; readonly text: string } {
  if (!(error instanceof Error)) return { status: 0, text: '' };
  const status = 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : 0;
  const text = 'response' in error && typeof error.response === 'string' ? error.response : '';
  return { status, text: cut(text) };
}

function cut(text: string): string {
  return text.slice(0, ANSWER_LENGTH_MAX);
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

function failure(server: string, problem: string): AppError {
  return new AppError('NOTIFY_FAILED', `send mail through ${server}: ${problem}`, { isRetryable: true });
}
