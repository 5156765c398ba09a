/**
 * The feed against real stores: what labels come back as, whether anything is lost or doubled when all of them die, and
 * whether a query gives the same from each of them as from the own disk.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openForReading } from '../../collector/src/cli/offline-store.ts';
import { initStorage } from '../../collector/src/cli/storage-init.ts';
import { createEnrollmentToken } from '../../collector/src/cli/token.ts';
import { verifyAgainst } from '../../collector/src/cli/verify-against.ts';
import { plainStores } from '../../collector/src/config/derive.ts';
import { loadConfig } from '../../collector/src/config/load.ts';
import { Labels, METRIC_NAME } from '../../collector/src/storage/labels.ts';
import { createMatcher } from '../../collector/src/storage/matcher.ts';
import { openExternalReader } from '../../collector/src/storage/open-reader.ts';
import { createInfluxV1Sink } from '../../collector/src/storage/influx-v1/influx-v1.ts';
import { createInfluxV2Sink } from '../../collector/src/storage/influx-v2/influx-v2.ts';
import { nameOf } from '../../collector/src/storage/line-protocol/names.ts';
import type { Sink, SinkSeries } from '../../collector/src/storage/sink.ts';
import { startInfluxd, type Influxd } from '../harness/influxd.ts';
import { needs } from '../harness/needs.ts';
import { freePort } from '../harness/ports.ts';
import { killAll, startAgent, startCollector, waitFor } from '../harness/processes.ts';
import { killPrograms, startProgram } from './programs.ts';
import { answers, expectSameThroughApi } from './store-answers.ts';

const influxProgram = needs('influxd');
const victoriaProgram = needs('victoria-metrics');
const prometheusProgram = needs('prometheus');
const programs = [influxProgram, victoriaProgram, prometheusProgram];
const note = programs.map((program) => program.note).join('');
const isMissing = programs.some(({ path }) => path === null);
const forever = new AbortController().signal;

let folder: ReturnType<typeof tempDir>;
let influx: Influxd;
let victoria: string;
let prometheus: string;

beforeAll(async () => {
  if (isMissing) return;
  folder = tempDir();
  const address = `127.0.0.1:${await freePort()}`;
  victoria = `http://${address}`;
  const prometheusAddress = `127.0.0.1:${await freePort()}`;
  prometheus = `http://${prometheusAddress}`;
  const prometheusConfig = join(folder.path, 'prometheus.yml');
  // A batch that comes again is older than what the server has seen since.
  writeFileSync(prometheusConfig, 'storage: { tsdb: { out_of_order_time_window: 1h } }\n');
  [influx] = await Promise.all([
    startInfluxd(influxProgram.path ?? '', join(folder.path, 'influx')),
    startProgram(
      victoriaProgram.path ?? '',
      [
        `-httpListenAddr=${address}`,
        `-storageDataPath=${join(folder.path, 'vm')}`,
        '-retentionPeriod=10y',
        // A batch that comes again stays one batch.
        '-dedup.minScrapeInterval=1ms',
      ],
      `${victoria}/health`,
    ),
    startProgram(
      prometheusProgram.path ?? '',
      [
        `--config.file=${prometheusConfig}`,
        `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
        `--web.listen-address=${prometheusAddress}`,
        '--web.enable-remote-write-receiver',
      ],
      `${prometheus}/-/ready`,
    ),
  ]);
});
afterAll(async () => {
  if (isMissing) return;
  await influx.kill();
  killPrograms();
  folder[Symbol.dispose]();
});
afterEach(killAll);

interface Exported {
  readonly metric: Readonly<Record<string, string>>;
  readonly timestamps: readonly number[];
}

/** Waits until so many samples can be seen: VictoriaMetrics shows them some time after it has taken them. */
async function victoriaSeries(match: string, samples: number): Promise<readonly Exported[]> {
  return waitFor(
    `${samples} samples in VictoriaMetrics`,
    async () => {
      await (await fetch(`${victoria}/internal/force_flush`)).text();
      const query = String(new URLSearchParams({ 'match[]': match }));
      const text = await (await fetch(`${victoria}/api/v1/export?${query}`)).text();
      const found = text
        .split('\n')
        .filter(Boolean)
        .map((line): Exported => JSON.parse(line));
      return found.reduce((sum, { timestamps }) => sum + timestamps.length, 0) >= samples ? found : undefined;
    },
    10_000,
  );
}

const NASTY: readonly Readonly<Record<string, string>>[] = [
  { m: 'a,b' },
  { m: 'a=b' },
  { m: 'a b' },
  { m: '"quoted"' },
  { m: "it's" },
  { m: 'a\\b' },
  { m: 'a\\ b' },
  { m: 'a\\,b=c' },
  { m: '\\\\server\\share' },
  { m: '🌞 é 日本' },
  { m: 'x'.repeat(16_000) },
  { 'odd name,=': 'v' },
  { m: '{a="b"}' },
  { m: '#' },
];
const REFUSED: readonly Readonly<Record<string, string>>[] = [
  { m: 'a\nnasty evil=1' },
  { m: 'a\r' },
  { m: 'a\0b' },
  { m: 'é'.repeat(32_768) },
  { time: 'x' },
];

function nastyBatch(sets: readonly Readonly<Record<string, string>>[], timeMs: number): SinkSeries[] {
  return sets.map((labels, i) => ({
    labels: Labels.of({ __name__: 'nasty_value_bytes', instance: `host-${i}`, ...labels }),
    timestamps: Float64Array.of(timeMs),
    values: Float64Array.of(i),
  }));
}

async function expectRefused(sink: Sink): Promise<void> {
  const result = await sink.write(nastyBatch(REFUSED, Date.now()), forever);
  expect(result).toMatchObject({
    kind: 'written',
    refused: REFUSED.map(() => ({ reason: 'unstorable', count: 1 })),
  });
}

describe.skipIf(isMissing)(`the feed of real stores${note}`, () => {
  it('storage init prepares InfluxDB, and says so when there is nothing left to do', async () => {
    const config = loadConfig({
      flags: { storage: `{kind: influx-v1, url: "${influx.url}"}` },
      environment: {},
      file: undefined,
    });
    const init = async (isDryRun = false): Promise<string[]> => {
      const options = { store: undefined, hasRollups: true, isJson: true, isDryRun };
      const steps: { what: string; outcome: string }[] = JSON.parse(
        await initStorage(config, options, systemClock),
      );
      return steps.map(({ what, outcome }) => `${outcome} ${what}`);
    };
    const first = await init();
    expect(first.slice(1)).toEqual([
      'created database rollcall',
      'created retention policy 5m',
      'created continuous query rollcall_5m',
      'created retention policy 1h',
      'created continuous query rollcall_1h',
    ]);
    expect((await init(true)).slice(1)).toEqual([
      'exists database rollcall',
      'exists continuous query rollcall_5m',
      'exists continuous query rollcall_1h',
    ]);
    const policies = await influx.query('SHOW RETENTION POLICIES ON rollcall');
    expect(policies[0]?.values.map(([name, duration]) => [name, duration])).toEqual([
      ['raw', '720h0m0s'],
      ['5m', '8760h0m0s'],
      ['1h', '43800h0m0s'],
    ]);
  });

  it('labels come back from InfluxDB as they were, or are refused', async () => {
    const sink = createInfluxV1Sink({
      url: influx.url,
      database: 'rollcall',
      server: 'influxdb',
      clock: systemClock,
    });
    const nowMs = Date.now();
    const batch = nastyBatch(NASTY, nowMs);
    await expect(sink.write(batch, forever)).resolves.toEqual({ kind: 'written', refused: [] });
    await expectRefused(sink);
    const found = await influx.query('SELECT * FROM "nasty" GROUP BY *');
    const back = found.flatMap(({ name, tags = {}, columns }) =>
      columns
        .filter((column) => column !== 'time')
        .map(
          (field) =>
            Labels.from([...Object.entries(tags), ['__name__', nameOf({ measurement: name, field })]]).key,
        ),
    );
    expect(back.sort()).toEqual(batch.map(({ labels }) => labels.key).sort());
    const [measurements] = await influx.query('SHOW MEASUREMENTS');
    expect(measurements?.values).toEqual([['nasty']]);
    const request = { instance: 'host-3', fromMs: nowMs, toMs: nowMs + 1 };
    await expect(sink.countSamples?.(request, forever)).resolves.toBe(1);
    await expect(sink.startedMs?.(forever)).resolves.toBeGreaterThan(nowMs - 600_000);
  });

  it('labels come back from VictoriaMetrics as they were, or are refused', async () => {
    const sink = createInfluxV2Sink({
      url: victoria,
      org: 'o',
      bucket: 'b',
      server: 'victoria-metrics',
      clock: systemClock,
    });
    const nowMs = Date.now();
    const batch = [
      ...nastyBatch(NASTY, nowMs),
      { ...nastyBatch([{}], nowMs)[0], labels: Labels.of({ __name__: 'nasty', instance: 'whole' }) },
    ].flatMap(({ labels, timestamps, values }) =>
      timestamps === undefined || values === undefined ? [] : [{ labels, timestamps, values }],
    );
    await expect(sink.write(batch, forever)).resolves.toEqual({ kind: 'written', refused: [] });
    await expectRefused(sink);
    const found = await victoriaSeries('{__name__=~"nasty.*"}', batch.length);
    expect(found.map(({ metric }) => Labels.of(metric).key).sort()).toEqual(
      batch.map(({ labels }) => labels.key).sort(),
    );
    const request = { instance: 'host-3', fromMs: nowMs, toMs: nowMs + 1 };
    await expect(sink.countSamples?.(request, forever)).resolves.toBe(1);
    await expect(sink.startedMs?.(forever)).resolves.toBeGreaterThan(nowMs - 600_000);
  });

  it('an unknown database stops the feed, and is told', async () => {
    const sink = createInfluxV1Sink({
      url: influx.url,
      database: 'nope',
      server: 'influxdb',
      clock: systemClock,
    });
    await expect(sink.write(nastyBatch([{}], Date.now()), forever)).resolves.toEqual({
      kind: 'blocked',
      error: expect.stringContaining('database not found'),
    });
  });

  it('a type conflict costs the samples that have it, and no others', async () => {
    await fetch(`${influx.url}/write?db=rollcall`, { method: 'POST', body: 'clash,instance=a n=1i' });
    const sink = createInfluxV1Sink({
      url: influx.url,
      database: 'rollcall',
      server: 'influxdb',
      clock: systemClock,
    });
    const batch = ['clash_n', 'fine_n'].map((name) => ({
      labels: Labels.of({ __name__: name, instance: 'a' }),
      timestamps: Float64Array.of(Date.now()),
      values: Float64Array.of(1.5),
    }));
    await expect(sink.write(batch, forever)).resolves.toMatchObject({
      kind: 'written',
      refused: [{ reason: 'refused', count: 1, text: expect.stringContaining('field type conflict') }],
    });
    expect((await influx.query('SELECT count(n) FROM fine'))[0]?.values[0]?.[1]).toBe(1);
  });

  it('loses nothing and doubles nothing when the store and the collector are killed; queries agree', async () => {
    // The stores keep what an attempt before this one has fed them: each has a host of its own.
    const host = `killed-${randomUUID()}`;
    const fromMs = Date.now();
    const dataDir = join(folder.path, host, 'collector');
    const file = join(folder.path, `${host}.yaml`);
    writeFileSync(
      file,
      `log-level: warn
storage: {kind: prometheus, url: "${prometheus}"}
# Nothing is read from the own disk.
storage-recent: 0s
mirrors:
  - {name: influx, kind: influx-v1, url: "${influx.url}"}
  - {name: vm, kind: influx-v2, url: "${victoria}", org: x, server: victoria-metrics}
`,
    );
    const flags = ['--config', file, '--listen', `127.0.0.1:${await freePort()}`];
    const token = createEnrollmentToken(dataDir, { uses: 1, expiryHours: 1, isJson: false }).trim();
    const collector = await startCollector(dataDir, flags);
    const agent = startAgent({
      url: collector.url,
      dataDir: join(folder.path, host, 'agent'),
      token,
      flags: ['--interval', '1s', '--host-name', host],
    });
    const metricsOf = async (): Promise<string> => (await fetch(`${collector.url}/metrics`)).text();
    const inInflux = async (): Promise<number> => {
      const [series] = await influx.query(`SELECT count(load1) FROM node WHERE "instance" = '${host}'`);
      return Number(series?.values[0]?.[1] ?? 0);
    };
    const ticksBefore = await waitFor('three ticks in InfluxDB', async () => {
      const ticks = await inInflux();
      return ticks >= 3 ? ticks : undefined;
    });
    await influx.kill();
    await waitFor('the feed to notice', async () =>
      (await metricsOf()).includes('rollcall_feed_is_ok{store="influx"} 0') ? true : undefined,
    );
    await Promise.all([collector.stop('SIGKILL'), influx.start()]);
    const again = await startCollector(dataDir, flags);
    await waitFor('three more ticks in InfluxDB', async () =>
      (await inInflux()) >= ticksBefore + 3 ? true : undefined,
    );
    const toMs = Math.floor(Date.now() / 1_000) * 1_000;
    await agent.stop();
    await waitFor('everything to be fed', async () => {
      const text = await metricsOf();
      const waiting = [...text.matchAll(/^rollcall_feed_waiting_records\{.*\} (\d+)$/gm)].map(([, n]) => n);
      return waiting.length === 3 && waiting.every((n) => n === '0') ? true : undefined;
    });
    await using own = openOwn(dataDir);
    const found = await own.storage.select(
      {
        matchers: [createMatcher('instance', '=', host), createMatcher(METRIC_NAME, '=~', 'node_.*')],
        fromMs,
        toMs: Date.now(),
        samplesMax: 1_000_000,
      },
      forever,
    );
    const wanted = found.reduce((sum, { values }) => sum + values.filter(Number.isFinite).length, 0);
    expect(wanted).toBeGreaterThan(0);
    // Each point of InfluxDB is there once by its nature: the count says that none is missing.
    const stored = async (): Promise<number> => {
      const counts = await influx.query(`SELECT count(*) FROM /^node/ WHERE "instance" = '${host}'`);
      return counts.reduce(
        (sum, { values }) => sum + (values[0] ?? []).slice(1).reduce<number>((all, n) => all + Number(n), 0),
        0,
      );
    };
    // What waits is counted when the feed looks, which may be a moment after a commit.
    await waitFor('all of it in InfluxDB', async () => ((await stored()) >= wanted ? true : undefined));
    expect(await stored()).toBe(wanted);
    const exported = await victoriaSeries(`{instance="${host}", __name__=~"node_.*"}`, wanted);
    const unique = exported.reduce((sum, { timestamps }) => sum + new Set(timestamps).size, 0);
    expect(unique).toBe(wanted);
    expect(exported.reduce((sum, { timestamps }) => sum + timestamps.length, 0)).toBe(wanted);

    const config = loadConfig({ flags: { 'data-dir': dataDir }, environment: {}, file });
    const stores = plainStores(config);
    expect(stores.map(({ name }) => name)).toEqual(['storage', 'influx', 'vm']);
    expect(await expectSameSamples('storage', config, toMs)).toBeGreaterThan(0);
    const wantedAnswers = await answers(own.storage, host, toMs);
    for (const { name, store } of stores) {
      const reader = openExternalReader(store, { clock: systemClock });
      expect({ name, ...(await answers(reader, host, toMs)) }).toEqual({ name, ...wantedAnswers });
      reader.close();
    }
    await expectSameThroughApi(again.url, wantedAnswers, host, toMs);
    await again.stop();
  });
});

function openOwn(dataDir: string) {
  const own = openForReading(dataDir, {
    clock: systemClock,
    complain: (text) => {
      throw new Error(text);
    },
  });
  return { storage: own.storage, [Symbol.asyncDispose]: () => own.close() };
}

/** As `rollcall-collector verify --against` does, which also shows what differs; gives how many samples it compared. */
async function expectSameSamples(
  against: string,
  config: ReturnType<typeof loadConfig>,
  toMs: number,
): Promise<number> {
  let printed = '';
  const print = (text: string): void => {
    printed += text;
  };
  const to = String(toMs / 1_000);
  try {
    await verifyAgainst(
      config,
      { against, to, isJson: true },
      { clock: systemClock, print, complain: () => {} },
    );
  } catch (error) {
    throw new Error(`verify --against ${against}: ${printed.slice(0, 3_000)}`, { cause: error });
  }
  expect(JSON.parse(printed)).toMatchObject({ against, differing: 0, differences: [] });
  return JSON.parse(printed).samples;
}
