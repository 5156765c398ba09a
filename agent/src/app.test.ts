import { expect, it, onTestFinished } from 'vitest';
import {
  CONFIG_FEATURE,
  encodeConfig,
  signConfig,
  type AgentSettings,
} from '@rollcall/shared/protocol/agent-config.ts';
import { generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { createApp } from './app.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { TRIAL_MS, type StoredConfig } from './config/remote-config.ts';
import { memoryIdentityStore } from './link/identity.ts';
import { FakeCollector } from './link/testing/fake-collector.ts';
import { FakeNetwork } from './link/testing/fake-socket.ts';
import { createSamplers } from './samplers/list.ts';

const AGENT_ID = Buffer.alloc(16, 1);

/** An agent that is connected; `offer` sends it settings. */
async function setUp() {
  const temp = tempDir();
  onTestFinished(() => temp[Symbol.dispose]());
  const clock = new FakeClock();
  const log = fakeLog();
  const keys = generateIdentity();
  const agent = { version: '0', arch: 'x', os: 'x' };
  // None of them: what they read takes its time.
  const disabledSamplers = createSamplers(process.platform, { clock, agent, mountTimeoutMs: 1 }).map(
    ({ name }) => name,
  );
  const collector = new FakeCollector(keys.publicKey);
  collector.settings.features = [CONFIG_FEATURE];
  collector.settings.challengeFeatures = [CONFIG_FEATURE];
  let stored: StoredConfig = { current: null, trial: null, refused: null };
  const world = { isBroken: false };
  const app = await createApp({
    clock,
    log,
    facts: {
      hostName: 'web-1',
      bootId: 'boot',
      machineId: '',
      agentVersion: '0.1.0',
      // Whoever makes samplers asks for it.
      get os() {
        if (world.isBroken) throw new Error('broken');
        return { platform: 'linux', name: 'Linux', kernel: '6', arch: 'x64' } as const;
      },
    },
    identity: memoryIdentityStore({
      agentId: AGENT_ID,
      keys,
      collectorKeys: [collector.identity.publicKey],
    }),
    dial: new FakeNetwork(collector).dial,
    local: { intervalMs: 10_000, disabledSamplers, logLevel: 'info', origins: new Map() },
    remote: {
      isAllowed: true,
      store: { read: () => stored, write: (next) => void (stored = next) },
    },
    setLogLevel: () => {},
    slowIntervalMs: 10_000,
    textfileDir: undefined,
    spool: { kind: 'memory', dataDir: temp.path, maxBytes: 1_000_000, sync: 'never' },
    excludedSections: ['packages', 'updates', 'processes'],
    isDowngradeAllowed: false,
    random: () => 0.5,
    randomBytes: (count) => Buffer.alloc(count, 2),
  });
  app.start();
  await clock.advance(3_000);
  const offer = async (version: number, settings: AgentSettings): Promise<void> => {
    collector.send(encodeConfig(signConfig({ agentId: AGENT_ID, version, settings }, collector.identity)));
    await clock.advance(0);
  };
  const stop = async (): Promise<void> => {
    const stopped = app.stop();
    await clock.advance(10_000);
    await stopped;
  };
  const readings = (): number =>
    [...collector.records.values()]
      .flatMap((records) => [...records.values()])
      .filter(({ kind }) => kind === RECORD_KIND.SAMPLES).length;
  return { app, clock, log, offer, world, stop, readings };
}

it('shows settings of the collector as on trial while they are, and no longer', async () => {
  const { app, clock, offer, stop } = await setUp();
  const origin = (): string | undefined =>
    app.status().settings.find(({ key }) => key === 'interval')?.origin;
  expect(origin()).toBe('default');
  await offer(5, { intervalMs: 20_000 });
  expect(origin()).toBe('collector, version 5, on trial');
  await clock.advance(TRIAL_MS);
  expect(origin()).toBe('collector, version 5');
  await stop();
});

it('follows later settings, and stops in order, after it could not follow some', async () => {
  const { clock, log, offer, world, stop, readings } = await setUp();
  world.isBroken = true;
  await offer(5, { intervalMs: 20_000 });
  world.isBroken = false;
  expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
    { message: 'readings do not follow the settings' },
  ]);
  await clock.advance(TRIAL_MS);
  await offer(6, { intervalMs: 1_000 });
  const before = readings();
  await clock.advance(20_000);
  expect(readings() - before).toBeGreaterThan(15);
  await stop();
});
