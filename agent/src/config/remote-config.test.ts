import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import {
  encodeConfig,
  signConfig,
  type AgentSettings,
  type ConfigAnswer,
} from '@rollcall/shared/protocol/agent-config.ts';
import { decodeFrame } from '@rollcall/shared/protocol/frame.ts';
import { configMessage, generateIdentity, signBytes } from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import { RemoteConfig, TRIAL_MS, type StoredConfig, type TickFigures } from './remote-config.ts';
import { configStore } from './remote-file.ts';

const AGENT_ID = Buffer.alloc(16, 1);
const COLLECTOR = generateIdentity();
const EMPTY: StoredConfig = { current: null, trial: null, refused: null };
const SLOW: AgentSettings = { intervalMs: 60_000 };
const QUICK: AgentSettings = { intervalMs: 1_000, logLevel: 'debug' };

function signed(version: number, settings: AgentSettings, identity = COLLECTOR, agentId = AGENT_ID): Buffer {
  return signConfig({ agentId, version, settings }, identity);
}

/** Any JSON, signed as it should be. */
function signedJson(content: object): Buffer {
  const json = Buffer.from(JSON.stringify(content));
  return Buffer.concat([signBytes(COLLECTOR, configMessage({ agentId: AGENT_ID, json })), json]);
}

/** An agent as far as settings go; `start` is a process of it on the same disk. */
function setUp() {
  const clock = new FakeClock();
  let stoodStillMs = 0;
  const log = fakeLog();
  let disk = EMPTY;
  let figures: TickFigures = { due: 0, taken: 0, missed: { overrun: 0, no_storage: 0 } };
  let writes = 0;
  let failsAt = -1;
  const answers: ConfigAnswer[] = [];
  const notes: ConfigAnswer[] = [];
  const applied: AgentSettings[] = [];
  const start = (isAllowed = true): RemoteConfig => {
    const config = new RemoteConfig({
      clock: {
        wallMs: () => clock.wallMs(),
        bootMs: () => clock.bootMs(),
        monoMs: () => clock.monoMs() + stoodStillMs,
        setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      },
      log,
      agentId: AGENT_ID,
      collectorKeys: [generateIdentity().publicKey, COLLECTOR.publicKey],
      isAllowed,
      store: {
        read: () => disk,
        write(stored) {
          if (writes++ === failsAt) throw new AppError('DATA_DIR_UNUSABLE', 'no space');
          disk = stored;
        },
      },
      apply: (settings) => void applied.push(settings),
      ticks: () => figures,
      note: (answer) => void notes.push(answer),
    });
    config.onAnswer((answer) => void answers.push(answer));
    return config;
  };
  const tick = (taken: number, overrun = 0, noStorage = 0): void => {
    const { missed } = figures;
    figures = {
      due: figures.due + Math.max(1, taken + overrun + noStorage),
      taken: figures.taken + taken,
      missed: { overrun: missed.overrun + overrun, no_storage: missed.no_storage + noStorage },
    };
  };
  return {
    clock,
    answers,
    notes,
    applied,
    start,
    tick,
    disk: () => disk,
    tamper: (stored: StoredConfig) => void (disk = stored),
    /** Timers come so much later than they should. */
    standStill: (forMs: number) => void (stoodStillMs += forMs),
    failAtWrite: (write: number) => void (failsAt = writes + write),
  };
}

/** A minute in which readings are taken. */
async function goWell({ clock, tick }: ReturnType<typeof setUp>): Promise<void> {
  tick(1);
  await clock.advance(TRIAL_MS);
}

describe('settings of the collector', () => {
  it('hold at once, and for good after a minute that goes well', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    expect([config.version, config.trialVersion, config.settings]).toEqual([0, 5, SLOW]);
    expect(bench.applied).toEqual([SLOW]);
    expect(bench.answers).toEqual([]);
    await goWell(bench);
    expect([config.version, config.trialVersion, config.settings]).toEqual([5, undefined, SLOW]);
    expect(bench.answers).toEqual([{ outcome: 'applied', version: 5 }]);
    expect(bench.notes).toEqual(bench.answers);
    const again = bench.start();
    expect([again.version, again.settings]).toEqual([5, SLOW]);
  });

  it('are read from the frame that brings them, and kept when its memory is used again', async () => {
    const bench = setUp();
    const config = bench.start();
    const frame = encodeConfig(signed(5, SLOW));
    config.offered(decodeFrame(frame).body);
    frame.fill(0);
    await goWell(bench);
    expect(bench.start().settings).toEqual(SLOW);
  });

  it.each([
    ['no reading was taken', 0, 0, 0],
    ['more were missed than taken', 3, 4, 0],
    ['the spool refused most of them', 3, 2, 2],
  ])('are given up when %s', async (_why, ...figures) => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    await goWell(bench);
    config.offered(signed(6, QUICK));
    bench.tick(...figures);
    await bench.clock.advance(TRIAL_MS);
    expect([config.version, config.settings]).toEqual([5, SLOW]);
    expect(bench.applied).toEqual([SLOW, QUICK, SLOW]);
    expect(bench.answers.at(-1)).toMatchObject({ outcome: 'rejected', version: 6, reason: 'health' });
    expect(bench.notes).toHaveLength(2);
    expect(bench.start().settings).toEqual(SLOW);
  });

  it('are looked at for another minute when the machine stood still', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, QUICK));
    bench.tick(2, 200);
    bench.standStill(200_000);
    await bench.clock.advance(TRIAL_MS);
    expect(config.trialVersion).toBe(5);
    await goWell(bench);
    expect(config.version).toBe(5);
  });

  it('are kept after a minute in which nothing was due, after a standstill too', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, { intervalMs: 3_600_000 }));
    await bench.clock.advance(TRIAL_MS);
    expect(config.version).toBe(5);
    config.offered(signed(6, { logLevel: 'debug' }));
    bench.standStill(200_000);
    await bench.clock.advance(TRIAL_MS);
    expect(config.trialVersion).toBe(6);
    await bench.clock.advance(TRIAL_MS);
    expect(config.version).toBe(6);
  });

  it('that were refused are refused again without a trial, like all that are older, by a later process too', async () => {
    const bench = setUp();
    const first = bench.start();
    first.offered(signed(5, SLOW));
    first.offered(signed(6, QUICK));
    bench.tick(0);
    await bench.clock.advance(TRIAL_MS);
    const refusal = bench.answers.at(-1);
    expect(refusal).toMatchObject({ outcome: 'rejected', version: 6, reason: 'health' });
    const tried = bench.applied.length;
    for (const config of [first, bench.start()]) {
      config.offered(signed(6, QUICK));
      expect(bench.answers.at(-1)).toEqual(refusal);
      config.offered(signed(5, SLOW));
      expect(bench.answers.at(-1)).toMatchObject({ version: 5, reason: 'stale' });
      expect([config.trialVersion, bench.applied.length]).toEqual([undefined, tried]);
    }
    // What comes after it has its chance.
    const config = bench.start();
    config.offered(signed(7, SLOW));
    await goWell(bench);
    expect([config.version, bench.disk().refused]).toEqual([7, null]);
  });

  it('only go forward', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    await goWell(bench);
    config.offered(signed(4, QUICK));
    config.offered(signed(5, QUICK));
    expect(bench.answers.slice(1)).toEqual([
      { outcome: 'rejected', version: 4, reason: 'stale', text: 'version 5 is in force' },
      { outcome: 'rejected', version: 5, reason: 'stale', text: 'version 5 is in force' },
    ]);
    config.offered(signed(5, SLOW));
    expect(bench.answers.at(-1)).toEqual({ outcome: 'applied', version: 5 });
    expect([config.settings, bench.applied]).toEqual([SLOW, [SLOW]]);
  });

  it('make way for newer ones amid their trial', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    config.offered(signed(5, SLOW));
    config.offered(signed(6, QUICK));
    await goWell(bench);
    expect(bench.answers).toEqual([{ outcome: 'applied', version: 6 }]);
    expect([config.version, bench.applied]).toEqual([6, [SLOW, QUICK]]);
    await bench.clock.advance(TRIAL_MS);
    expect(bench.answers).toHaveLength(1);
  });

  it('can be taken back', async () => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    await goWell(bench);
    config.offered(signed(6, {}));
    await goWell(bench);
    expect([config.version, config.settings]).toEqual([6, {}]);
  });

  const agentId = AGENT_ID.toString('base64url');
  it.each([
    ['signature', signed(5, SLOW, generateIdentity())],
    ['signature', signed(5, SLOW, COLLECTOR, Buffer.alloc(16, 2))],
    ['signature', Buffer.concat([signed(5, SLOW), Buffer.from(' ')])],
    ['signature', Buffer.alloc(200)],
    ['content', Buffer.alloc(0)],
    ['content', Buffer.alloc(64)],
    ['content', Buffer.alloc(5_000)],
    ['content', signedJson({ agentId: Buffer.alloc(16, 2).toString('base64url'), version: 5, settings: {} })],
    ['content', signedJson({ agentId, version: 0, settings: {} })],
    ['content', signedJson({ agentId, version: 2 ** 48, settings: {} })],
    ['content', signedJson({ agentId, version: 5 })],
    ['content', signedJson({ agentId, version: 5, settings: {}, more: 1 })],
    ['content', signedJson({ agentId, version: 5, settings: { command: 'reboot' } })],
    ['content', signedJson({ agentId, version: 5, settings: { url: 'https://example.org' } })],
    ['content', signedJson({ agentId, version: 5, settings: { intervalMs: 999 } })],
    ['content', signedJson({ agentId, version: 5, settings: { intervalMs: 3_600_001 } })],
    ['content', signedJson({ agentId, version: 5, settings: { intervalMs: '10000' } })],
    ['content', signedJson({ agentId, version: 5, settings: { logLevel: 'trace' } })],
    ['content', signedJson({ agentId, version: 5, settings: { disabledSamplers: ['../cpu'] } })],
    ['content', signedJson({ agentId, version: 5, settings: { disabledSamplers: Array(65).fill('a') } })],
  ])('are refused for their %s', (reason, body) => {
    const bench = setUp();
    const config = bench.start();
    config.offered(body);
    expect(bench.answers).toMatchObject([{ outcome: 'rejected', reason }]);
    expect([config.version, bench.applied, bench.disk()]).toEqual([0, [], EMPTY]);
  });

  it('are neither taken nor used where this machine forbids them', async () => {
    const bench = setUp();
    bench.start().offered(signed(5, SLOW));
    await goWell(bench);
    const config = bench.start(false);
    expect([config.version, config.settings]).toEqual([undefined, {}]);
    config.offered(signed(6, QUICK));
    expect(bench.answers.at(-1)).toMatchObject({ outcome: 'rejected', reason: 'forbidden' });
    expect(bench.applied).toEqual([SLOW]);
    // Allowed again, they hold again.
    expect(bench.start().version).toBe(5);
  });

  it('that somebody wrote into the folder count for nothing', () => {
    const bench = setUp();
    bench.tamper({ current: signed(5, QUICK, generateIdentity()), trial: null, refused: null });
    const config = bench.start();
    expect([config.version, config.settings]).toEqual([0, {}]);
  });
});

describe('an agent that ends amid a trial', () => {
  it('starts with the settings before, and tries again when they are offered again', async () => {
    const bench = setUp();
    bench.start().offered(signed(5, SLOW));
    const config = bench.start();
    expect([config.version, config.settings]).toEqual([0, {}]);
    config.offered(signed(5, SLOW));
    await goWell(bench);
    expect(config.version).toBe(5);
  });

  it('does so three times and no more', () => {
    const bench = setUp();
    for (let i = 0; i < 3; i++) bench.start().offered(signed(5, QUICK));
    expect(bench.applied).toHaveLength(3);
    const config = bench.start();
    config.offered(signed(5, QUICK));
    expect(bench.applied).toHaveLength(3);
    expect(bench.answers).toMatchObject([{ outcome: 'rejected', version: 5, reason: 'interrupted' }]);
    // Others are tried all the same.
    config.offered(signed(6, SLOW));
    expect(config.trialVersion).toBe(6);
  });
});

describe('a disk that takes nothing', () => {
  it.each([0, 1])('leaves the settings before, at write %d of a trial', async (write) => {
    const bench = setUp();
    const config = bench.start();
    config.offered(signed(5, SLOW));
    await goWell(bench);
    bench.failAtWrite(write);
    config.offered(signed(6, QUICK));
    await goWell(bench);
    expect(bench.answers.at(-1)).toMatchObject({ outcome: 'rejected', version: 6, reason: 'storage' });
    expect([config.version, config.settings, bench.applied.at(-1)]).toEqual([5, SLOW, SLOW]);
    expect(bench.start().settings).toEqual(SLOW);
  });
});

describe('remote-config.json', () => {
  it('keeps documents, and counts as empty when it is damaged', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    const store = configStore(dir);
    expect(store.read()).toEqual(EMPTY);
    const refusal = { outcome: 'rejected', version: 1, reason: 'health', text: 'no' } as const;
    const stored = {
      current: signed(1, SLOW),
      trial: { signed: signed(3, QUICK), tries: 2 },
      refused: { signed: signed(2, QUICK), refusal },
    };
    store.write(stored);
    expect(configStore(dir).read()).toEqual(stored);
    // As an older agent left it.
    dir.write('remote-config.json', '{"format":1,"current":null,"trial":null,"tries":0}');
    expect(store.read()).toEqual(EMPTY);
    for (const text of ['', '{', '{"format":2}', '{"format":1,"current":7,"trial":null,"tries":0}']) {
      dir.write('remote-config.json', text);
      expect(store.read()).toEqual(EMPTY);
    }
  });
});
