/**
 * `rollcall-agent`: reads the command line, runs one command, and decides the exit code: 0 fine, 2 bad configuration or
 * a folder that cannot be used, 1 anything else.
 */
import { X509Certificate, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { backoffDelayMs } from '@rollcall/shared/lib/backoff.ts';
import { sleep, systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { jsonLogger, type Logger } from '@rollcall/shared/lib/log.ts';
import { createApp, createTicks } from './app.ts';
import { parseCommandLine, type CommandLine } from './config/command-line.ts';
import { helpText } from './config/help.ts';
import { loadConfig, type Config } from './config/load.ts';
import { enroll } from './enroll/enroll.ts';
import { readIdentity, type StoredIdentity } from './enroll/identity-file.ts';
import { PrivateDir } from './enroll/private-dir.ts';
import { LocalHost, MACHINE_ROOTS } from './host/local-host.ts';
import { CHECKOUT_CHILD, collectInventory } from './inventory/collect.ts';
import type { InventoryReading } from './inventory/report.ts';
import { isLoopback, parseEndpoint } from './link/endpoint.ts';
import { webSocketDial } from './link/socket.ts';
import { machineFacts, type MachineFacts } from './self/facts.ts';
import { showJson, showText } from './self/show.ts';
import { AGENT_VERSION } from './self/version.ts';

const BAD_CONFIGURATION: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['BAD_CONFIG', 'DATA_DIR_UNUSABLE']);
const ENROLL_BACKOFF = { baseMs: 2_000, factor: 2, maxMs: 60_000 };

process.exitCode = await main(process.argv.slice(2));

async function main(parameters: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(parameters);
    if (line.switches.has('help') || parameters.length === 0) {
      process.stdout.write(helpText());
    } else if (line.switches.has('version')) {
      process.stdout.write(`rollcall-agent ${AGENT_VERSION}\n`);
    } else {
      await runCommand(line);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`rollcall-agent: ${describeError(error)}\n`);
    return error instanceof AppError && BAD_CONFIGURATION.has(error.code) ? 2 : 1;
  }
}

async function runCommand(line: CommandLine): Promise<void> {
  const config = loadConfig({ ...line, environment: process.env, file: readConfigFile(line.configFile) });
  const facts = machineFacts(config.hostName);
  switch (line.command) {
    case 'run':
      return run(config, facts);
    case 'enroll':
      return enrollOnce(config, { facts, isForced: line.switches.has('force') });
    case 'show':
      return show(config, { facts, isJson: line.switches.has('json') });
    case undefined:
      throw new AppError('BAD_CONFIG', 'no command given: run, enroll or show; see rollcall-agent --help');
  }
}

async function run(config: Config, facts: MachineFacts): Promise<void> {
  const write = (text: string): void => void process.stderr.write(text);
  const log = jsonLogger({ clock: systemClock, level: config.logLevel, write });
  const stopped = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());
  const dir = PrivateDir.open(config.dataDir);
  const identity =
    readIdentity(dir) ?? (await enrollPatiently(config, { dir, facts, log, signal: stopped.signal }));
  if (identity === undefined) return;
  const endpoint = config.endpoint ?? parseEndpoint(identity.url, { isInsecureAllowed: config.isInsecure });
  const isLocal = isLoopback(new URL(endpoint.connectUrl).hostname);
  if (!endpoint.isSecure && !isLocal)
    log.warn('the connection is not encrypted', { collector: endpoint.shown });
  const app = createApp({
    clock: systemClock,
    log,
    facts,
    identity,
    dial: webSocketDial({ endpoint, ca: readAuthorities(config.caFile) }),
    intervalMs: config.intervalMs,
    excludedSections: config.excludedSections,
    isDowngradeAllowed: config.isInsecure,
    random: Math.random,
    randomBytes,
  });
  app.start();
  log.info('agent started', { version: AGENT_VERSION, collector: endpoint.shown, pid: process.pid });
  if (!stopped.signal.aborted) {
    await new Promise((resolve) => {
      stopped.signal.addEventListener('abort', resolve, { once: true });
    });
  }
  await app.stop();
  log.info('agent stopped');
  // Even process.exit waits for a thread that hangs in the kernel, and whoever stopped us would wait with it.
  if (app.hungCalls() > 0) process.kill(process.pid, 'SIGKILL');
  // A mount that hangs keeps a thread of the pool, and with it the process, busy for ever.
  process.exit(0);
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

async function enrollOnce(
  config: Config,
  { facts, isForced }: { readonly facts: MachineFacts; readonly isForced: boolean },
): Promise<void> {
  const dir = PrivateDir.open(config.dataDir);
  // With --force even a damaged identity may be in the way.
  const existing = isForced ? undefined : readIdentity(dir);
  if (existing !== undefined) {
    throw new AppError('BAD_CONFIG', `already enrolled with ${existing.url}; give --force to enrol anew`);
  }
  const what = enrollment(config);
  const identity = await enroll({ ...what, dir, facts: enrollFacts(facts), mustRenewKeys: isForced });
  const id = identity.identity.agentId.toString('hex');
  process.stdout.write(`enrolled with ${identity.url} as ${id}\n`);
}

async function show(
  config: Config,
  { facts, isJson }: { readonly facts: MachineFacts; readonly isJson: boolean },
): Promise<void> {
  using host = new LocalHost(MACHINE_ROOTS);
  const ticks = createTicks({ clock: systemClock, host, facts, intervalMs: config.intervalMs });
  const { sections, missing } = await readInventory(config);
  const tick = await ticks.takeTick();
  const shown = { facts, tick, sections, missing: missing.map(({ name }) => name) };
  process.stdout.write(isJson ? showJson(shown) : showText(shown));
}

/** The metrics are worth showing without the inventory. */
async function readInventory({ excludedSections }: Config): Promise<InventoryReading> {
  const options = { clock: systemClock, command: CHECKOUT_CHILD, excludedSections, isBackground: false };
  try {
    return await collectInventory(options, new AbortController().signal);
  } catch (error) {
    process.stderr.write(`rollcall-agent: cannot read the inventory: ${describeError(error)}\n`);
    return {
      sections: [],
      missing: [{ name: 'all', reason: describeError(error) }],
      manifest: { files: [], programs: [] },
    };
  }
}

function enrollment(config: Config) {
  const { endpoint, token } = config;
  if (endpoint === undefined || token === undefined) {
    const missing = [endpoint === undefined ? 'url' : '', token === undefined ? 'token' : ''].filter(Boolean);
    throw new AppError(
      'BAD_CONFIG',
      `this machine is not enrolled yet, which needs ${missing.join(' and ')}; see rollcall-agent --help`,
    );
  }
  return { clock: systemClock, endpoint, token, ca: readAuthorities(config.caFile) };
}

function enrollFacts({ hostName, machineId, agentVersion, os }: MachineFacts) {
  return { hostName, machineId, agentVersion, platform: os.platform };
}

function readConfigFile(path: string | undefined) {
  if (path === undefined) return undefined;
  try {
    return { path, content: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new AppError('BAD_CONFIG', `cannot read the configuration file ${path}`, { cause: error });
  }
}

/** The text of a file of certificates, checked, because TLS would take any text and then trust nobody. */
function readAuthorities(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(path, 'utf8');
    // Throws when it does not begin with a certificate.
    void new X509Certificate(text);
    return text;
  } catch (error) {
    throw new AppError('BAD_CONFIG', `ca-file ${path} is not a file of certificates in PEM form`, {
      cause: error,
    });
  }
}
