/** Asks the collector whether it is there, the way an agent would reach it. Sends nothing about this machine. */
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Endpoint } from '../link/endpoint.ts';

const TIMEOUT_MS = 10_000;
const HEALTH_PATH = '/healthz';
/** The `Date` of an answer has whole seconds, cut off (RFC 9110, 6.6.1). */
const DATE_STEP_MS = 1_000;

export interface ProbeOptions {
  readonly endpoint: Endpoint;
  /** Certificate authorities instead of the system's. */
  readonly ca: string | undefined;
  readonly clock: Clock;
}

export interface ProbeAnswer {
  readonly statusCode: number;
  readonly roundTripMs: number;
  /** The collector's clock minus ours; undefined when it does not say the time. */
  readonly clockOffsetMs: number | undefined;
  /** The offset may be wrong by so much. */
  readonly clockUncertaintyMs: number;
  /** Wall clock of the end of its certificate, undefined without TLS. */
  readonly certificateUntilMs: number | undefined;
}

/** @throws AppError COLLECTOR_UNREACHABLE, with what the network or TLS said as its cause */
export function probeCollector({ endpoint, ca, clock }: ProbeOptions): Promise<ProbeAnswer> {
  const request = endpoint.isSecure ? secureRequest : plainRequest;
  const url = `${endpoint.address}${HEALTH_PATH}`;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(new AppError('COLLECTOR_UNREACHABLE', `ask ${endpoint.shown}`, { cause }));
    };
    const startMs = clock.monoMs();
    const options = { agent: false, timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) };
    const asked = request(url, options, (response) => {
      const roundTripMs = clock.monoMs() - startMs;
      // What it says is of no interest.
      response.resume();
      response.on('error', fail);
      resolve(answerOf(response, roundTripMs, clock.wallMs()));
      response.on('end', () => asked.destroy());
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)));
    asked.on('error', fail);
    asked.end();
  });
}

function answerOf(
  { headers, socket, statusCode = 0 }: IncomingMessage,
  roundTripMs: number,
  nowMs: number,
): ProbeAnswer {
  const dateMs = Date.parse(headers.date ?? '');
  const theirMs = dateMs + DATE_STEP_MS / 2 + roundTripMs / 2;
  const until = socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : Number.NaN;
  return {
    statusCode,
    roundTripMs,
    clockOffsetMs: Number.isNaN(dateMs) ? undefined : Math.round(theirMs - nowMs),
    clockUncertaintyMs: Math.ceil(DATE_STEP_MS / 2 + roundTripMs / 2),
    certificateUntilMs: Number.isNaN(until) ? undefined : until,
  };
}
