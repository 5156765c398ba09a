/**
 * Remote write in and remote read out, version 1.0: `POST /api/v1/write` and `POST /api/v1/read`. Reading is open to
 * whoever may read; writing changes what people see, so it needs an access token on every address, loopback too.
 * Source: prometheus.io/docs/specs/prw/remote_write_spec.
 */
import { withDeadline } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { raw, Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { Answers } from '../../query/answers.ts';
import { Pacer } from '../../query/evaluate/evaluation.ts';
import { scopeGuard } from '../auth/guard.ts';
import type { TokenVerdict } from '../auth/tokens.ts';
import { Places } from './places.ts';
import type { REMOTE_COUNTERS, RemoteCounters } from './counters.ts';
import { REMOTE_LIMITS, type RemoteLimits } from './limits.ts';
import { Senders } from './senders.ts';
import { unpackingSteps } from '../../storage/remote-protocol/snappy.ts';
import { watchClient } from '../client-watch.ts';
import { written } from '../written.ts';
import { complaint, storeRequest, type WritePorts } from './write.ts';

export interface RemoteOptions extends WritePorts {
  readonly log: Logger;
  readonly answers: Pick<Answers, 'remoteRead'>;
  readonly counters: RemoteCounters;
  /** Whether an access token is one for writing. */
  judgeWriter(this: void, token: string): TokenVerdict;
  readonly limits?: Partial<RemoteLimits>;
}

const CONTENT_TYPE = 'application/x-protobuf';
/** Status by code; what is not listed is our fault. 5xx makes a sender try again, every 4xx makes it give up. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  LIMIT_EXCEEDED: 413,
  QUERY_LIMIT: 400,
  QUERY_FAILED: 503,
  QUERY_TIMEOUT: 503,
  QUERY_CANCELED: 499,
  SLOW_DOWN: 503,
  DRAINING: 503,
  STORAGE_UNAVAILABLE: 503,
  STORE_FAILED: 503,
};

/** The two routes, to be mounted at `/api/v1`; other paths and methods pass through. */
export function remoteRouter(options: RemoteOptions): Router {
  const limits: RemoteLimits = { ...REMOTE_LIMITS, ...options.limits };
  const router = Router({ caseSensitive: true, strict: true });
  const body = [refuseWrongType, raw({ type: () => true, limit: limits.bodyBytes, inflate: false })];
  const senders = new Senders({ clock: options.clock, limits });
  const [writes, reads] = [new Places(limits.writesAtOnce), new Places(limits.readsAtOnce)];
  router.post(
    '/write',
    counting(options.counters, 'rollcall_remote_write_requests_total'),
    scopeGuard(options.judgeWriter, { scope: 'write', purpose: 'writing' }),
    writes.enter,
    body,
    writes.untilDone((request, response) => write({ ...options, limits, senders }, request, response)),
  );
  router.post(
    '/read',
    counting(options.counters, 'rollcall_remote_read_requests_total'),
    reads.enter,
    body,
    (request: Request, response: Response) => read({ ...options, limits }, request, response),
  );
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    sendError(error, response, options.log);
  });
  return router;
}

type Settled = RemoteOptions & { readonly limits: RemoteLimits };

async function write(
  context: Settled & { readonly senders: Senders },
  request: Request,
  response: Response,
): Promise<void> {
  // A sender that hangs up in between sends the whole request again; what is begun is finished.
  const pacer = pacerOf(context, new AbortController().signal);
  const bytes = await unpacked(bodyOf(request), context.limits, pacer);
  const sender = String(response.locals['tokenId']);
  const outcome = await storeRequest(context, { sender, bytes }, pacer);
  const { counters } = context;
  counters.increment('rollcall_remote_write_samples_total', { outcome: 'stored' }, outcome.stored);
  for (const [reason, count] of outcome.refused) {
    counters.increment('rollcall_remote_write_samples_total', { outcome: reason }, count);
  }
  const text = complaint(outcome);
  if (text === undefined) response.status(204).end();
  else response.status(400).type('text/plain').send(`${text}\n`);
}

async function read(context: Settled, request: Request, response: Response): Promise<void> {
  using client = watchClient(response);
  const onTimeout = (): AppError => new AppError('QUERY_TIMEOUT', 'remote read took too long: ask for less');
  const { answers, clock, limits } = context;
  const { data } = await withDeadline(clock, { timeoutMs: limits.readMs, onTimeout }, (timeout) =>
    answers.remoteRead({ body: bodyOf(request), limits }, AbortSignal.any([client.signal, timeout])),
  );
  response.status(200).set({ 'Content-Type': CONTENT_TYPE, 'Content-Encoding': 'snappy' });
  for await (const piece of data) {
    // The next piece may take the memory of this one.
    await written(response, piece, { left: client.signal });
  }
  response.end();
}

/** Work of one step of unpacking: worth a look at the clock. */
const STEP_WORK = 10_000;

/** @throws AppError as `unpackSnappy` */
async function unpacked(packed: Buffer, { unpackedBytes }: RemoteLimits, pacer: Pacer): Promise<Buffer> {
  const steps = unpackingSteps(packed, unpackedBytes);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (pacer.spend(STEP_WORK)) await pacer.pause();
  }
}

function pacerOf({ clock }: Settled, signal: AbortSignal): Pacer {
  return new Pacer({ clock, yieldTurn: nextTurn, signal });
}

function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/** The parameter that names a message type tells remote write 2.0 from 1.0. */
function refuseWrongType(request: Request, response: Response, next: NextFunction): void {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const message = parameters.find((parameter) => parameter.startsWith('proto='));
  const isKnown = message === undefined || message === 'proto=prometheus.writerequest';
  const isPacked = (request.headers['content-encoding'] ?? '').toLowerCase() === 'snappy';
  if (type === CONTENT_TYPE && isKnown && isPacked) {
    // Unpacking is ours: the body parser would refuse an encoding that it does not know.
    delete request.headers['content-encoding'];
    next();
    return;
  }
  response
    .status(415)
    .type('text/plain')
    .send(`Content-Type ${CONTENT_TYPE} (version 1.0) and Content-Encoding snappy are expected\n`);
}

function counting(counters: RemoteCounters, name: keyof typeof REMOTE_COUNTERS): RequestHandler {
  return (_request, response, next) => {
    response.once('finish', () => counters.increment(name, { code: String(response.statusCode) }));
    next();
  };
}

function sendError(error: unknown, response: Response, log: Logger): void {
  if (response.headersSent || response.destroyed) {
    // A part of an answer must not be taken for all of it.
    response.destroy();
    return;
  }
  const status = statusOf(error);
  if (status >= 500 && !(error instanceof AppError)) {
    log.error('remote request failed', { error: describeError(error) });
    response.status(status).type('text/plain').send('the collector failed; its log says more\n');
    return;
  }
  response
    .status(status)
    .type('text/plain')
    .send(`${describeError(error)}\n`);
}

function statusOf(error: unknown): number {
  if (error instanceof AppError) return STATUS_OF[error.code] ?? 500;
  // Errors of the body parser carry the status that they mean.
  if (error instanceof Error && 'status' in error && typeof error.status === 'number') return error.status;
  return 500;
}
