/** `rollcall-agent service print|install|uninstall`: the agent as a service of systemd. */
import { existsSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { ServiceAction } from '../config/command-line.ts';
import { runChild } from '../host/run-child.ts';
import { SERVICE_USER, UNIT_NAME, UNIT_PATH, unitText, USER_PATH, userText } from '../service/systemd.ts';
import type { Terminal } from './terminal.ts';

const SYSTEMCTL = '/usr/bin/systemctl';
const SYSUSERS = '/usr/bin/systemd-sysusers';
/** There when systemd is process 1 (sd_booted(3)). */
const SYSTEMD_RUNS = '/run/systemd/system';
const FILE_MODE = 0o644;
const TIMEOUT_MS = 90_000;

export interface ServiceOptions {
  readonly action: ServiceAction;
  /** As given with --config. */
  readonly configFile: string | undefined;
  /** Path of the agent's program as it was started. */
  readonly program: string;
}

/** @throws AppError BAD_CONFIG when this machine has no systemd or the user is not root; HostError of systemctl */
export async function service(options: ServiceOptions, terminal: Terminal): Promise<void> {
  const { action, configFile, program } = options;
  const text = unitText({
    node: process.execPath,
    program: realpathSync(program),
    configFile: configFile === undefined ? undefined : resolve(configFile),
  });
  if (action === 'print') {
    terminal.print(text);
    return;
  }
  refuseWithout(
    existsSync(SYSTEMD_RUNS),
    'this machine is not run by systemd; see rollcall-agent service print',
  );
  refuseWithout(process.getuid?.() === 0, `service ${action} needs root; run it with sudo`);
  if (action === 'install') {
    writeFileSync(USER_PATH, userText(), { mode: FILE_MODE });
    await run(SYSUSERS, USER_PATH);
    writeFileSync(UNIT_PATH, text, { mode: FILE_MODE });
    await run(SYSTEMCTL, 'daemon-reload');
    await run(SYSTEMCTL, 'enable', '--now', UNIT_NAME);
    terminal.print(
      `installed ${UNIT_PATH} and started it; it runs as ${SERVICE_USER}; see journalctl -u ${UNIT_NAME}\n`,
    );
    return;
  }
  refuseWithout(existsSync(UNIT_PATH), `${UNIT_PATH} does not exist: the service is not installed`);
  await run(SYSTEMCTL, 'disable', '--now', UNIT_NAME);
  rmSync(UNIT_PATH);
  await run(SYSTEMCTL, 'daemon-reload');
  terminal.print(`removed ${UNIT_PATH}; identity and data stay in /var/lib/rollcall-agent\n`);
}

function refuseWithout(condition: boolean, message: string): void {
  if (!condition) throw new AppError('BAD_CONFIG', message);
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const limits = {
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    outputBytesMax: 1024 * 1024,
    what: `run ${program} ${args.join(' ')}`,
    hasOwnGroup: false,
  };
  await runChild({ program, args }, limits, new AbortController().signal);
}
