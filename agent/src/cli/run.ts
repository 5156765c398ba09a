/** `rollcall-agent run`: reports until it is stopped. */
import { randomBytes } from 'node:crypto';
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import { sleep, systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { jsonLogger, type Logger } from '@rollcall/shared/lib/log.ts';
import { createApp } from '../app.ts';
import type { Config } from '../config/load.ts';
import { configStore } from '../config/remote-file.ts';
import { enroll } from '../enroll/enroll.ts';
import { readIdentity, type StoredIdentity } from '../enroll/identity-file.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import { isLoopback, parseEndpoint } from '../link/endpoint.ts';
import { webSocketDial } from '../link/socket.ts';
import type { MachineFacts } from '../self/facts.ts';
import { giveBackMemory } from '../self/garbage.ts';
import { AGENT_VERSION } from '../self/version.ts';
import { enrollFacts, enrollment } from './enroll.ts';
import { readAuthorities } from './inputs.ts';
import { StatusWriter } from './status-file.ts';
import type { Terminal } from './terminal.ts';

const ENROLL_BACKOFF = { baseMs: 2_000, factor: 2, maxMs: 60_000 };

/**
 * Returns `stopped` when the agent was asked to stop and has delivered what it could. The process must then be ended: a mount
 * that hangs keeps a thread of the pool, and with it the process, busy for ever. Returns `enrolled` when the agent has enrolled
 * itself and shall be run again, in a fresh process where there can be one: what enrolment loads, HTTP above all, would stay
 * for as long as the agent runs.
 * @throws AppError BAD_CONFIG, DATA_DIR_UNUSABLE, and what enrolment throws for good
 */
export async function run(
  config: Config,
  facts: MachineFacts,
  terminal: Terminal,
): Promise<'enrolled' | 'stopped'> {
  let { logLevel } = config;
  const log = jsonLogger({ clock: systemClock, level: () => logLevel, write: terminal.complain });
  const stopped = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());
  // Without a listener, SIGUSR1 would open Node's debugger to everybody on this machine, or end the agent.
  process.on('SIGUSR1', () => log.info('SIGUSR1 has no meaning here'));
  const dir = PrivateDir.open(config.dataDir);
  const known = readIdentity(dir);
  const identity = known ?? (await enrollPatiently(config, { dir, facts, log, signal: stopped.signal }));
  if (identity === undefined || stopped.signal.aborted) return 'stopped';
  if (known === undefined) return 'enrolled';
  const endpoint = config.endpoint ?? parseEndpoint(identity.url, { isInsecureAllowed: config.isInsecure });
  const isLocal = isLoopback(new URL(endpoint.connectUrl).hostname);
  if (!endpoint.isSecure && !isLocal)
    log.warn('the connection is not encrypted', { collector: endpoint.shown });
  const app = await createApp({
    clock: systemClock,
    log,
    facts,
    identity,
    dial: webSocketDial({ clock: systemClock, randomBytes, endpoint, ca: readAuthorities(config.caFile) }),
    local: config,
    remote: { isAllowed: config.isRemoteConfigAllowed, store: configStore(dir) },
    setLogLevel: (level) => void (logLevel = level),
    slowIntervalMs: config.slowIntervalMs,
    textfileDir: config.textfileDir,
    spool: {
      kind: config.spool,
      dataDir: config.dataDir,
      maxBytes: config.spoolSize,
      sync: config.spoolSync,
    },
    excludedSections: config.excludedSections,
    isDowngradeAllowed: config.isInsecure,
    random: Math.random,
    randomBytes,
  });
  const running = { pid: process.pid, version: AGENT_VERSION, collector: endpoint.shown };
  const statusWriter = new StatusWriter({
    clock: systemClock,
    log,
    dir,
    running,
    status: () => app.status(),
  });
  app.start();
  statusWriter.start();
  const stopCollecting = giveBackMemory(systemClock);
  log.info('agent started', { version: AGENT_VERSION, collector: endpoint.shown, pid: process.pid });
  if (!stopped.signal.aborted) {
    await new Promise((resolve) => {
      stopped.signal.addEventListener('abort', resolve, { once: true });
    });
  }
  stopCollecting();
  statusWriter.stop();
  await app.stop();
  log.info('agent stopped');
  // Even process.exit waits for a thread that hangs in the kernel, and whoever stopped us would wait with it.
  if (app.hungCalls() > 0) process.kill(process.pid, 'SIGKILL');
  return 'stopped';
}

/** Tries until it is enrolled or the answer is final; undefined when the agent was stopped meanwhile. */
async function enrollPatiently(
  config: Config,
  options: {
    readonly dir: PrivateDir;
    readonly facts: MachineFacts;
    readonly log: Logger;
    readonly signal: AbortSignal;
  },
): Promise<StoredIdentity | undefined> {
  const { dir, facts, log, signal } = options;
  const what = enrollment(config);
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const identity = await enroll({ ...what, dir, facts: enrollFacts(facts), mustRenewKeys: false });
      log.info('enrolled', { collector: what.endpoint.shown });
      return identity;
    } catch (error) {
      if (!(error instanceof AppError && error.isRetryable)) throw error;
      const delayMs = ENROLL_BACKOFF.baseMs + backoffDelayMs(ENROLL_BACKOFF, attempt, Math.random);
      log.warn('cannot enrol yet', { error: describeError(error), retryInMs: Math.round(delayMs) });
      await sleep(systemClock, delayMs, signal).catch(() => undefined);
    }
  }
  return undefined;
}
