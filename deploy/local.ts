/**
 * `npm start`: the collector and an agent for this machine, from a checkout, as two real processes. Everything they
 * keep is in one folder, so a second start goes on where the first one stopped.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAgentOrExit } from './agent.ts';
import { buildPageOrExit } from './page.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COLLECTOR = join(ROOT, 'collector/bin/rollcall-collector.mjs');

const HELP = `Starts Rollcall on this machine: a collector, and an agent that reports to it.

  npm start                                      http://127.0.0.1:7655, data in ./rollcall-data
  npm start -- --listen 127.0.0.1:8000           another port
  npm start -- --data-dir /srv/rollcall          another folder
  npm start -- --config rollcall.yaml            settings of the collector from a file
  npm start -- --verbose                         the logs of both programs

Stop it with Ctrl-C. docs/operations.md tells how to add other machines.
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    listen: { type: 'string', default: '127.0.0.1:7655' },
    'data-dir': { type: 'string', default: './rollcall-data' },
    config: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = await run();
}

async function run(): Promise<number> {
  const dataDir = resolve(values['data-dir']);
  buildPageOrExit();
  const agentProgram = buildAgentOrExit();
  const logFlags = values.verbose ? [] : ['--log-level', 'warn'];
  const collectorFlags = [
    ...logFlags,
    '--listen',
    values.listen,
    '--data-dir',
    dataDir,
    ...(values.config === undefined ? [] : ['--config', values.config]),
  ];
  const collector = start(COLLECTOR, ['run', ...collectorFlags]);
  const url = await readyUrl(collector);
  if (url === undefined) return exitCode(collector);

  const agentDir = join(dataDir, 'local-agent');
  const token = existsSync(join(agentDir, 'agent.json')) ? undefined : createToken(dataDir);
  const secrets = token === undefined ? {} : { ROLLCALL_TOKEN: token };
  const agent = start(agentProgram, ['run', '--url', url, '--data-dir', agentDir, ...logFlags], secrets);
  process.stdout.write(
    `Rollcall is at ${url} - this machine appears there in a few seconds. Ctrl-C stops it.\n`,
  );

  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    // The agent first, so that it can say goodbye to a collector that still listens.
    void exitCode(agent).then(() => collector.kill('SIGTERM'));
    agent.kill('SIGTERM');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const first = await Promise.race([
    exitCode(collector).then((code) => ({ name: 'collector', code })),
    exitCode(agent).then((code) => ({ name: 'agent', code })),
  ]);
  if (!isStopping) process.stderr.write(`rollcall: the ${first.name} ended with code ${first.code}\n`);
  const failure = isStopping ? 0 : first.code || 1;
  stop();
  await Promise.all([exitCode(agent), exitCode(collector)]);
  process.stdout.write('Rollcall has stopped; the next start goes on with the same data.\n');
  return failure;
}

function start(
  program: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [program, ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
}

/** The collector's first line on standard output ends in its URL; undefined when it ended before. */
function readyUrl(collector: ChildProcess): Promise<string | undefined> {
  return new Promise((resolveUrl) => {
    let text = '';
    collector.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const url = /https?:\/\/\S+/.exec(text)?.[0];
      if (url !== undefined) resolveUrl(url);
    });
    collector.once('exit', () => resolveUrl(undefined));
  });
}

function exitCode(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(1);
  return new Promise((resolveCode) => {
    child.once('exit', (code) => resolveCode(code ?? 1));
  });
}

function createToken(dataDir: string): string {
  const result = spawnSync(
    process.execPath,
    [COLLECTOR, 'token', 'create', '--data-dir', dataDir, '--json'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const answer: unknown = result.status === 0 ? JSON.parse(result.stdout) : undefined;
  if (typeof answer === 'object' && answer !== null && 'token' in answer && typeof answer.token === 'string')
    return answer.token;
  process.stderr.write('rollcall: no enrolment token could be made\n');
  return process.exit(1);
}
