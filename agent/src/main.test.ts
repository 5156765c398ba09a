/** The program as people start it, in a process of its own, against a collector in this one. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { decodeEnrollRequest, encodeEnrollAnswer } from '@rollcall/shared/protocol/enroll.ts';
import { MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { enrolledMessage, signBytes } from '@rollcall/shared/protocol/identity.ts';
import { decodeBye } from '@rollcall/shared/protocol/messages.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { FakeCollector } from './link/testing/fake-collector.ts';
import { startWsServer } from './link/testing/ws-server.ts';

const PROGRAM = join(import.meta.dirname, '../bin/rollcall-agent.mjs');
const TOKEN = `rce1_${'a'.repeat(16)}_${'s'.repeat(43)}_0123abcd`;
const WAIT_MS_MAX = 20_000;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Running {
  readonly pid: number | undefined;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  kill(signal: NodeJS.Signals): void;
}

function start(parameters: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, ...environment };
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { env });
  cleanups.push(() => child.kill('SIGKILL'));
  let output = '';
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
  return { pid: child.pid, ended, kill: (signal) => void child.kill(signal) };
}

/** A collector that enrols whoever asks; `collector` appears with the first enrolment. */
async function startCollector() {
  const world: { collector: FakeCollector | undefined; url: string } = { collector: undefined, url: '' };
  const server = await startWsServer({
    onRequest: (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { publicKey } = decodeEnrollRequest(Buffer.concat(chunks));
        const collector = new FakeCollector(publicKey);
        world.collector = collector;
        const answer = {
          agentId: Buffer.alloc(16, 5),
          storeId: 'store',
          identityKeys: [collector.identity.publicKey],
        };
        const sign = (json: Buffer): Buffer =>
          signBytes(collector.identity, enrolledMessage({ publicKey, json }));
        response.end(encodeEnrollAnswer(answer, sign));
      });
    },
    onSocket: (socket) => {
      socket.on('message', (content) => {
        if (Buffer.isBuffer(content)) world.collector?.received(content);
      });
      world.collector?.connected({
        send: (bytes) => socket.send(bytes),
        close: (code) => socket.close(code),
      });
    },
  });
  cleanups.push(() => server.close());
  world.url = server.url;
  return world;
}

async function waitFor<T>(probe: () => T | undefined): Promise<T> {
  for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end;) {
    const found = probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('waited in vain');
}

function tickCount(collector: FakeCollector | undefined): number {
  let count = 0;
  for (const records of collector?.records.values() ?? []) {
    for (const { kind } of records.values()) if (kind === RECORD_KIND.SAMPLES) count++;
  }
  return count;
}

it('enrols, reports and says goodbye, without a secret in its log', { timeout: 30_000 }, async () => {
  using temp = tempDir();
  const world = await startCollector();
  const parameters = ['run', '--url', world.url, '--data-dir', join(temp.path, 'agent'), '--interval', '1s'];
  const agent = start([...parameters, '--log-level', 'debug'], { ROLLCALL_TOKEN: TOKEN });
  await waitFor(() => (tickCount(world.collector) >= 2 ? true : undefined));
  agent.kill('SIGUSR1');
  const status = await start(['status', '--data-dir', join(temp.path, 'agent')]).ended;
  expect(status.output).toMatch(new RegExp(`^agent +running as process ${agent.pid} `));
  agent.kill('SIGTERM');
  const { code, output } = await agent.ended;
  expect(code).toBe(0);
  expect(output).toContain('agent stopped');
  expect(output).not.toContain('Debugger');
  expect(output).not.toContain('sss');
  const { collector } = world;
  expect(collector?.faults).toEqual([]);
  expect(decodeBye(collector?.frames.at(-1)?.body ?? Buffer.alloc(0))).toBe('stop');
  expect(collector?.types()).toContain(MESSAGE.GEN_ACK);

  // The second start needs neither the token nor the address.
  const again = start(['run', '--data-dir', join(temp.path, 'agent'), '--interval', '1s']);
  await waitFor(() => (collector?.hellos.length === 2 ? true : undefined));
  again.kill('SIGINT');
  expect((await again.ended).code).toBe(0);
  expect(collector?.hellos.map(({ generation }) => generation)).toEqual([0, 1]);

  const enrollParameters = ['enroll', '--url', world.url, '--data-dir', join(temp.path, 'agent')];
  const refused = await start(enrollParameters, { ROLLCALL_TOKEN: TOKEN }).ended;
  expect(refused).toMatchObject({
    code: 2,
    output: expect.stringContaining('already enrolled with http://'),
  });
  const dataDir = join(temp.path, 'agent');
  const asked = await start(['rotate-key', '--data-dir', dataDir]).ended;
  expect(asked).toMatchObject({ code: 0, output: expect.stringContaining('changes its key when it starts') });
  expect(readdirSync(dataDir)).toContain('agent.key.asked');
  const forced = await start([...enrollParameters, '--force'], { ROLLCALL_TOKEN: TOKEN }).ended;
  expect(forced).toMatchObject({ code: 0, output: expect.stringContaining('enrolled with http://') });
});

it.each([
  [['run', '--data-dir'], 2, /--data-dir: needs a value/],
  [[], 0, /Usage:/],
  [['service', 'print', '--config', '/etc/rollcall/agent.yaml'], 2, /cannot read the configuration file/],
  [
    ['service', 'print'],
    0,
    /^ExecStart=\S+ \S+rollcall-agent\.mjs run --data-dir \/var\/lib\/rollcall-agent$/m,
  ],
])('answers %j with exit code %i', { timeout: 30_000 }, async (parameters, code, expected) => {
  const result = await start(parameters).ended;
  expect(result.output).toMatch(expected);
  expect(result.code).toBe(code);
});

it('changes no key of a machine that is not enrolled', { timeout: 30_000 }, async () => {
  using temp = tempDir();
  const result = await start(['rotate-key', '--data-dir', join(temp.path, 'agent')]).ended;
  expect(result).toMatchObject({ code: 2, output: expect.stringContaining('is not enrolled') });
});

it('says what is missing for the first start', { timeout: 30_000 }, async () => {
  using temp = tempDir();
  const result = await start(['run', '--data-dir', join(temp.path, 'agent')]).ended;
  expect(result.output).toMatch(/not enrolled yet, which needs url and token/);
  expect(result.code).toBe(2);
});

it('shows what it would send as JSON', { timeout: 30_000 }, async () => {
  const { code, output } = await start(['show', '--json', '--exclude-section', 'memory,updates']).ended;
  expect(code).toBe(0);
  const shown: unknown = JSON.parse(output);
  expect(shown).toMatchObject({
    facts: { agentVersion: expect.any(String) },
    metrics: { time: expect.any(Array) },
  });
  expect(shown).not.toHaveProperty('inventory.memory');
  // Every file and program that was read for it, noted while it was read: by this process, by its child, by the library.
  const files = expect.arrayContaining([
    { what: '/proc/stat', outcome: 'ok' },
    { what: '/etc/passwd', outcome: 'ok' },
    { what: '/etc/os-release', outcome: 'ok' },
  ]);
  expect(shown).toMatchObject({ manifest: { files, programs: expect.any(Array) } });
});

it('examines itself, and says what to do', { timeout: 30_000 }, async () => {
  using temp = tempDir();
  const dataDir = join(temp.path, 'agent');
  // Each would take its time, and they are read by another test.
  const sections = 'system,bios,board,chassis,cpu,memory,disks,nics,os,updates,packages,ports';
  const parameters = ['--data-dir', dataDir, '--exclude-section', sections];
  const [doctor, status] = [
    start(['doctor', ...parameters]),
    start(['status', '--data-dir', dataDir, '--json']),
  ];
  const { code, output } = await doctor.ended;
  expect(output).toMatch(/^ok +memory +\d+ series$/m);
  expect(output).toMatch(/^ok +users /m);
  expect(output).toMatch(/^failed +collector +not known; enrol with rollcall-agent enroll --url URL/m);
  expect(output).toMatch(/^1 of \d+ checks failed\.$/m);
  expect(output).not.toContain('\u001b');
  expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(code).toBe(1);
  const stopped = await status.ended;
  expect(stopped.code).toBe(1);
  expect(JSON.parse(stopped.output)).toEqual({
    version: expect.any(String),
    isRunning: false,
    isConnected: false,
  });
});
