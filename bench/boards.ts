/**
 * Every query of our boards for Grafana on this machine: against Rollcall with its agent, Prometheus and VictoriaMetrics
 * with node_exporter, and InfluxDB, which the collector feeds. Who answers with data, who with an error, and whether values
 * agree.
 */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { boardJson } from '../dashboards/src/board.ts';
import { BOARDS } from '../dashboards/src/list.ts';
import {
  askInflux,
  askPrometheus,
  targetsOf,
  type BoardTarget,
  type TargetAnswer,
} from '../test/compat/boards/ask.ts';
import { differences, excuse } from '../test/compat/boards/compare.ts';
import { startInflux } from '../test/compat/boards/servers.ts';
import { startProgram } from '../test/compat/programs.ts';
import { ask } from '../test/compat/query-api.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import {
  createToken,
  runCollectorCommand,
  startAgent,
  startCollector,
  waitFor,
} from '../test/harness/processes.ts';

const HELP = `npm run bench -- boards [--seconds 40] [--all]

  --seconds  how long all sides gather data, one reading a second
  --all      also lists the queries that are empty for a known reason, and every value that differs
`;

/** Fed by the collector. */
const INFLUX = 'InfluxDB, InfluxQL';
const STEP_S = 5;
const RANGE_S = 30;
/** Between two stores that read the same machine at other moments. */
const GAUGE_RATIO = 0.1;

interface Source {
  readonly name: string;
  readonly url: string;
  readonly stop: () => Promise<void>;
}

interface Result {
  readonly source: string;
  readonly answers: readonly { readonly target: BoardTarget; readonly answer: TargetAnswer }[];
}

export async function boards(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '40' },
      all: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  using folder = tempDir();
  const sources: Source[] = [];
  try {
    const influx = await startInflux(found('influxd'), folder.path, []);
    sources.push({ ...influx, name: INFLUX });
    const { rollcall, writeToken } = await startRollcall(folder.path, influx.url);
    sources.unshift(rollcall);
    const exporter = await startExporter();
    sources.push(exporter);
    const scraped = { exporter: exporter.url, collector: rollcall.url, writeToken };
    sources.push(await startPrometheus(folder.path, scraped));
    sources.push(await startVictoria(folder.path, scraped));
    await wait(Number(values.seconds) * 1000);
    const results = await askEverybody(sources);
    process.stdout.write(report(results, values.all));
  } finally {
    for (const source of sources.toReversed()) await source.stop();
  }
}

/** A collector that also writes to InfluxDB, and the agent of this machine. */
async function startRollcall(
  folder: string,
  influxUrl: string,
): Promise<{ rollcall: Source; writeToken: string }> {
  const dataDir = join(folder, 'collector');
  const config = join(folder, 'rollcall.yaml');
  writeFileSync(config, `mirrors: [{ name: influx, kind: influx-v1, url: "${influxUrl}" }]\n`);
  const collector = await startCollector(dataDir, ['--config', config, '--log-level', 'warn']);
  const agent = startAgent({
    url: collector.url,
    dataDir: join(folder, 'agent'),
    token: createToken(dataDir),
    flags: ['--interval', '1s'],
  });
  const access = ['access', 'create', 'boards', '--scope', 'write', '--data-dir', dataDir];
  const writeToken = runCollectorCommand(access).stdout.trim();
  const stop = async (): Promise<void> => {
    await agent.stop();
    await collector.stop();
  };
  return { rollcall: { name: 'Rollcall', url: collector.url, stop }, writeToken };
}

async function startExporter(): Promise<Source> {
  const address = `127.0.0.1:${await freePort()}`;
  const program = await startProgram(
    found('prometheus-node-exporter'),
    [`--web.listen-address=${address}`, '--collector.processes'],
    `http://${address}/metrics`,
  );
  return { name: '', url: address, stop: () => program.stop() };
}

function found(program: string): string {
  const { path, note } = needs(program);
  if (path === null) throw new Error(`cannot compare${note}`);
  return path;
}

interface Scraped {
  readonly exporter: string;
  readonly collector: string;
  readonly writeToken: string;
}

/** The host has the name that Rollcall gives it, so that answers can be compared. */
function scrapeConfig({ exporter, collector }: Scraped): string {
  return [
    'global: { scrape_interval: 1s }',
    'scrape_configs:',
    `  - { job_name: node, static_configs: [{ targets: ["${exporter}"], labels: { instance: "${hostname()}" } }] }`,
    `  - { job_name: rollcall, static_configs: [{ targets: ["${new URL(collector).host}"] }] }`,
  ].join('\n');
}

/** Prometheus pushes the collector's own figures back to it, as docs/grafana.md says. */
async function startPrometheus(folder: string, scraped: Scraped): Promise<Source> {
  const config = join(folder, 'prometheus.yml');
  const remote = [
    'remote_write:',
    `  - url: ${scraped.collector}/api/v1/write`,
    `    authorization: { credentials: ${scraped.writeToken} }`,
    '    queue_config: { batch_send_deadline: 1s }',
    '    write_relabel_configs: [{ source_labels: [job], regex: rollcall, action: keep }]',
  ];
  writeFileSync(config, `${scrapeConfig(scraped)}\n${remote.join('\n')}\n`);
  const address = `127.0.0.1:${await freePort()}`;
  const program = await startProgram(
    found('prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${address}`,
    ],
    `http://${address}/-/ready`,
  );
  return { name: 'Prometheus', url: `http://${address}`, stop: () => program.stop() };
}

async function startVictoria(folder: string, scraped: Scraped): Promise<Source> {
  const config = join(folder, 'victoria.yml');
  writeFileSync(config, scrapeConfig(scraped));
  const address = `127.0.0.1:${await freePort()}`;
  const program = await startProgram(
    found('victoria-metrics'),
    [
      `-promscrape.config=${config}`,
      `-storageDataPath=${join(folder, 'victoria')}`,
      `-httpListenAddr=${address}`,
      '-search.latencyOffset=0s',
      '-loggerLevel=ERROR',
    ],
    `http://${address}/health`,
  );
  return { name: 'VictoriaMetrics', url: `http://${address}`, stop: () => program.stop() };
}

async function askEverybody(sources: readonly Source[]): Promise<readonly Result[]> {
  const [rollcall] = sources;
  if (rollcall === undefined) throw new Error('nobody was started');
  await waitFor('the agent to have reported', async () => {
    const answer = await ask(rollcall.url, 'query', { query: 'node_uname_info' });
    return answer.status === 'success' && JSON.stringify(answer.data).includes(hostname()) ? true : undefined;
  });
  const end = Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;
  const window = { startS: end - RANGE_S, endS: end, stepS: STEP_S };
  const variables = {
    job: 'node',
    host: hostname(),
    collector: new URL(rollcall.url).host,
    __interval: `${STEP_S}s`,
    __rate_interval: '20s',
    __range: `${RANGE_S}s`,
  };
  const results: Result[] = [];
  const promql = BOARDS.flatMap((board) => targetsOf(boardJson(board, 'prometheus')));
  for (const { name, url } of sources.filter((source) => source.name !== '' && source.name !== INFLUX)) {
    const answers = [];
    for (const target of promql)
      answers.push({ target, answer: await askPrometheus(url, target, window, variables) });
    results.push({ source: name, answers });
  }
  const influx = sources.find(({ name }) => name === INFLUX);
  const answers = [];
  for (const target of BOARDS.flatMap((board) => targetsOf(boardJson(board, 'influxql')))) {
    answers.push({ target, answer: await askInflux(influx?.url ?? '', target, window, variables) });
  }
  return [...results, { source: INFLUX, answers }];
}

/** Queries that a source without Rollcall's series cannot answer. */
function isOurs({ text }: BoardTarget): boolean {
  return /rollcall_(?:host|agent|spool)/.test(text);
}

function report(results: readonly Result[], isLong: boolean): string {
  const lines = [row(['store', 'board', 'queries', 'errors', 'with data', 'empty, known', 'empty, why?'])];
  const notes: string[] = [];
  for (const { source, answers } of results) {
    for (const board of new Set(answers.map(({ target }) => target.board))) {
      const own = answers.filter(({ target }) => target.board === board);
      const errors = own.flatMap(({ target, answer }) =>
        answer.kind === 'error' ? [`${source}: ${nameOf(target)}: ${answer.text}`] : [],
      );
      const empty = own.filter(({ answer }) => answer.kind === 'values' && answer.values.size === 0);
      const known = empty.filter(({ target }) => reason(source, target, results) !== undefined);
      const unknown = empty.filter((one) => !known.includes(one));
      const figures = [own.length, errors.length, own.length - errors.length - empty.length];
      lines.push(row([source, board, ...[...figures, known.length, unknown.length].map(String)]));
      notes.push(...errors, ...unknown.map(({ target }) => `${source}: ${nameOf(target)}: empty`));
      if (isLong) {
        notes.push(
          ...known.map(({ target }) => `${source}: ${nameOf(target)}: ${reason(source, target, results)}`),
        );
      }
    }
  }
  return `${[...lines, '', ...comparison(results, isLong), '', ...notes].join('\n')}\n`;
}

/** Counters with labels begin to exist when they count for the first time. */
const HAPPENS_SELDOM =
  /(?:session_ends|alerting_(?:notifications|attempts|transitions|instances_dropped|breaker_opened|internal_errors))_total/;

/** Why a source may have nothing here. */
function reason(source: string, target: BoardTarget, results: readonly Result[]): string | undefined {
  const hasRollcall = source === 'Rollcall' || source === INFLUX;
  if (!hasRollcall && isOurs(target)) return 'only Rollcall has it';
  if (HAPPENS_SELDOM.test(target.text)) return 'has not happened yet';
  const twin = results[0]?.answers.find((one) => nameOf(one.target) === nameOf(target));
  return excuse(target) ?? (twin === undefined ? undefined : excuse(twin.target));
}

/** How the others agree with Rollcall on what is no rate. */
function comparison([ours, ...others]: readonly Result[], isLong: boolean): readonly string[] {
  if (ours === undefined) return [];
  const lines = [row(['compared with Rollcall', '', 'queries', 'agree', 'differ'])];
  const notes: string[] = [];
  for (const { source, answers } of others) {
    const tolerance = { ratio: GAUGE_RATIO, rateRatio: Infinity };
    const judged = answers.flatMap(({ target, answer }) => {
      const own = ours.answers.find((one) => nameOf(one.target) === nameOf(target));
      const isAbsent = answer.kind !== 'values' || answer.values.size === 0;
      if (own === undefined || isAbsent || target.panel.startsWith('marks:')) return [];
      return [differences(own, answer, tolerance).map((text) => `${source}: ${nameOf(target)}: ${text}`)];
    });
    const wrong = judged.filter((list) => list.length > 0);
    lines.push(row([source, '', ...[judged.length, judged.length - wrong.length, wrong.length].map(String)]));
    notes.push(...(isLong ? wrong.flat() : []));
  }
  return [...lines, ...notes];
}

function nameOf({ board, panel, refId }: BoardTarget): string {
  return `${board.replace('-influxql', '')} / ${panel} ${refId}`;
}

function row([source = '', board = '', ...figures]: readonly string[]): string {
  return `${source.padEnd(24)}${board.padEnd(30)}${figures.map((text) => text.padStart(13)).join('')}`.trimEnd();
}
