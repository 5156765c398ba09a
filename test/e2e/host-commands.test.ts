/** What an administrator does to a host, from the command line to the agent. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, expect, it } from 'vitest';
import * as z from 'zod';
import {
  createToken,
  killAll,
  runCollectorCommand,
  startAgent,
  startCollector,
  waitFor,
  type RunningProcess,
} from '../harness/processes.ts';

const listed = z.array(z.object({ name: z.string(), state: z.string() }));
const queried = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

afterEach(killAll);

it('lets a machine in again that came back from an image, shuts it out, and deletes it with its data', async () => {
  using dir = tempDir();
  const dataDir = join(dir.path, 'data');
  const collector = await startCollector(dataDir);
  const admin = runCollectorCommand([
    'access',
    'create',
    'ops',
    '--scope',
    'admin',
    '--data-dir',
    dataDir,
    '--json',
  ]);
  const { token } = z.object({ token: z.string() }).parse(JSON.parse(admin.stdout));
  const host = (...parameters: readonly string[]) =>
    runCollectorCommand(['host', ...parameters, '--url', collector.url, '--token', token]);
  const list = () => listed.parse(JSON.parse(host('list', '--json').stdout));
  // Not by the command: starting it again and again would take the time that the agent needs.
  const untilState = (state: string) =>
    waitFor(`the host to be ${state}`, async () => {
      const answer = await fetch(`${collector.url}/v1/hosts`);
      const { hosts } = z.object({ hosts: listed }).parse(await answer.json());
      return hosts.find((one) => one.state === state);
    });
  const seriesOf = async (name: string): Promise<readonly unknown[]> => {
    const answer = await fetch(`${collector.url}/api/v1/query?query=${encodeURIComponent(`${name}[1h]`)}`);
    return queried.parse(await answer.json()).data.result;
  };

  const live = join(dir.path, 'agent');
  const run = (enrolToken?: string): RunningProcess =>
    startAgent({
      url: collector.url,
      dataDir: live,
      ...(enrolToken === undefined ? {} : { token: enrolToken }),
      flags: ['--interval', '1s', '--exclude-section', 'packages'],
    });
  const first = run(createToken(dataDir));
  const { name } = await untilState('up');
  await first.stop();
  const image = join(dir.path, 'image');
  cpSync(live, image, { recursive: true });
  const second = run();
  await untilState('up');
  await waitFor('readings', async () => ((await seriesOf('node_load1')).length > 0 ? true : undefined));
  await second.stop();

  cpSync(image, live, { recursive: true });
  const restored = run();
  await waitFor('the agent to be refused', () =>
    /two machines|conflict|generation/i.test(restored.output()) ? true : undefined,
  );
  await restored.stop();
  expect(host('list').stdout).toMatch(/key in use on two machines/);
  const accepted = host('accept-restored', name);
  expect([accepted.status, accepted.stdout]).toEqual([
    0,
    `${name} is let in with its next login, and begins a new history\n`,
  ]);
  expect(host('list').stdout).not.toMatch(/two machines/);
  const again = run();
  await untilState('up');

  // Its agent was stopped three times with a farewell or a restart: planned, and up for the rest.
  const availability = host('availability', name, '--range', '1h');
  expect([availability.status, availability.stdout]).toEqual([
    0,
    expect.stringMatching(/^HOST +AVAILABLE .*\n\S+ +\d+\.\d{3} %[^]*\nFROM +FOR +STATE +WHY\n[^]* up /),
  ]);
  expect(host('availability', '--from', 'x').stderr).toMatch(/--from x: must be/);
  expect(runCollectorCommand(['host', 'revoke', name, '--url', collector.url]).stderr).toMatch(/token/);
  expect(host('revoke', name).status).toBe(0);
  await waitFor('the agent to hear of it', () => (/revoked/.test(again.output()) ? true : undefined));
  expect(host('list').stdout).toMatch(new RegExp(`${name} +revoked .*shut out `));
  expect((await seriesOf('node_load1')).length).toBe(1);
  expect(host('accept-restored', name)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('was shut out for good'),
  });

  expect(host('delete', name)).toMatchObject({ status: 2, stderr: expect.stringContaining('add --yes') });
  expect(host('delete', name, '--yes').status).toBe(0);
  expect(list()).toEqual([]);
  expect(await seriesOf('node_load1')).toEqual([]);
  expect(host('revoke', name)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(
      `there is no host ${name}: rollcall-collector host list shows their names`,
    ),
  });
});
