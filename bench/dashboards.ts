/**
 * Every query of a dashboard against a collector with an agent of this machine, and against Prometheus with
 * node_exporter on the same machine in the same minute: who answers with data, who with an error, and which metrics are
 * behind the difference.
 */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { z } from 'zod';
import { startProgram } from '../test/compat/programs.ts';
import { ask, seriesCount } from '../test/compat/query-api.ts';
import { needs } from '../test/harness/needs.ts';
import { freePort } from '../test/harness/ports.ts';
import { createToken, startAgent, startCollector, waitFor } from '../test/harness/processes.ts';
import { conformanceFile, loadBoard, substitute, type Board, type Target } from './board.ts';

const HELP = `npm run bench -- dashboards [--dashboard FILE] [--seconds 40] [--exporter-flag=--collector.processes]… [--json]

  --dashboard      a dashboard in Grafana's JSON; dashboard 1860 of the public test data unless given
  --seconds        how long both sides gather data, one reading a second
  --exporter-flag  a flag for node_exporter; it runs with its defaults otherwise
`;

const RATE_WINDOW_S = 20;
const RANGE_S = 30;
const STEP_S = 5;

/** One side of the comparison. */
interface Source {
  readonly name: string;
  readonly url: string;
}

/** What a side answered to each target: a number of series, or an error. */
interface Answers {
  readonly counts: readonly number[];
  readonly errors: ReadonlyMap<number, string>;
  readonly metrics: ReadonlySet<string>;
}

export async function dashboards(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      dashboard: { type: 'string' },
      seconds: { type: 'string', default: '40' },
      'exporter-flag': { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const board = loadBoard(values.dashboard ?? conformanceFile('dashboards', 'node-exporter-full-1860.json'));
  using folder = tempDir();
  const [ours, theirs] = await Promise.all([
    startRollcall(folder.path),
    startPrometheus(folder.path, values['exporter-flag']),
  ]);
  try {
    await wait(Number(values.seconds) * 1000);
    const report = compare(board, await runBoard(board, ours), await runBoard(board, theirs));
    if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else print(report);
  } finally {
    await ours.stop();
    await theirs.stop();
  }
}

type Running = Source & { readonly stop: () => Promise<void> };

async function startRollcall(folder: string): Promise<Running> {
  const dataDir = join(folder, 'collector');
  const collector = await startCollector(dataDir, ['--log-level', 'warn']);
  const agent = startAgent({
    url: collector.url,
    dataDir: join(folder, 'agent'),
    token: createToken(dataDir),
    flags: ['--interval', '1s'],
  });
  await untilNodeInfo('rollcall', collector.url);
  const stop = async (): Promise<void> => {
    await agent.stop();
    await collector.stop();
  };
  return { name: 'rollcall', url: collector.url, stop };
}

async function startPrometheus(folder: string, exporterFlags: readonly string[]): Promise<Running> {
  const [prometheus, exporter] = [needs('prometheus'), needs('prometheus-node-exporter')];
  if (prometheus.path === null || exporter.path === null) {
    throw new Error(`cannot compare${prometheus.note}${exporter.note}`);
  }
  const target = `127.0.0.1:${await freePort()}`;
  const node = await startProgram(
    exporter.path,
    [`--web.listen-address=${target}`, ...exporterFlags],
    `http://${target}/metrics`,
  );
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: node, static_configs: [{ targets: ["${target}"] }] }]\n`,
  );
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const server = await startProgram(
    prometheus.path,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=${address}`,
    ],
    `${url}/-/ready`,
  );
  await untilNodeInfo('Prometheus', url);
  const stop = async (): Promise<void> => {
    await server.stop();
    await node.stop();
  };
  return { name: 'prometheus', url, stop };
}

async function untilNodeInfo(name: string, url: string): Promise<void> {
  await waitFor(`${name} to know this machine`, async () =>
    seriesCount(await ask(url, 'query', { query: 'node_uname_info' })) > 0 ? true : undefined,
  );
}

async function runBoard(board: Board, { url }: Source): Promise<Answers> {
  const variables = new Map([
    ['__rate_interval', `${RATE_WINDOW_S}s`],
    ['__interval', `${STEP_S}s`],
    ['__range', `${RANGE_S}s`],
  ]);
  for (const { name, selector, label } of board.variables) {
    const found = await labelValues(url, label, substitute(selector, variables));
    const value = name === 'nodename' ? (found.find((one) => one === hostname()) ?? found[0]) : found[0];
    if (value !== undefined) variables.set(name, value);
  }
  const end = Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;
  const counts: number[] = [];
  const errors = new Map<number, string>();
  for (const [index, { expression, isInstant }] of board.targets.entries()) {
    const query = substitute(expression, variables);
    const answer = isInstant
      ? await ask(url, 'query', { query, time: end })
      : await ask(url, 'query_range', { query, start: end - RANGE_S, end, step: STEP_S });
    counts.push(Math.max(0, seriesCount(answer)));
    if (answer.status === 'error') errors.set(index, answer.error);
  }
  return { counts, errors, metrics: new Set(await labelValues(url, '__name__')) };
}

const labelAnswer = z.object({ status: z.literal('success'), data: z.array(z.string()) });

async function labelValues(url: string, label: string, selector?: string): Promise<readonly string[]> {
  const match = selector === undefined ? '' : `?${new URLSearchParams({ 'match[]': selector }).toString()}`;
  const response = await fetch(`${url}/api/v1/label/${label}/values${match}`);
  return labelAnswer.parse(await response.json()).data;
}

interface Report {
  readonly title: string;
  readonly targets: number;
  readonly rollcall: { readonly nonEmpty: number; readonly errors: readonly string[] };
  readonly prometheus: { readonly nonEmpty: number; readonly errors: readonly string[] };
  readonly onlyThere: readonly { readonly target: string; readonly missing: readonly string[] }[];
  readonly onlyHere: readonly string[];
}

function compare(board: Board, ours: Answers, theirs: Answers): Report {
  const onlyThere: { target: string; missing: readonly string[] }[] = [];
  const onlyHere: string[] = [];
  for (const [index, target] of board.targets.entries()) {
    const [here, there] = [(ours.counts[index] ?? 0) > 0, (theirs.counts[index] ?? 0) > 0];
    if (here && !there) onlyHere.push(nameOf(target));
    if (here || !there) continue;
    const names = new Set(target.expression.match(/[a-zA-Z_:][\w:]*/g));
    const missing = [...names].filter((name) => theirs.metrics.has(name) && !ours.metrics.has(name));
    onlyThere.push({ target: nameOf(target), missing });
  }
  const side = ({ counts, errors }: Answers) => ({
    nonEmpty: counts.filter((count) => count > 0).length,
    errors: [...errors].map(([index, text]) => {
      const target = board.targets[index];
      return `${target === undefined ? index : nameOf(target)}: ${text}`;
    }),
  });
  return {
    title: board.title,
    targets: board.targets.length,
    rollcall: side(ours),
    prometheus: side(theirs),
    onlyThere,
    onlyHere,
  };
}

function nameOf({ row, panel, refId }: Target): string {
  return `${row} / ${panel} / ${refId}`;
}

function print(report: Report): void {
  const lines = [`${report.title}: ${report.targets} targets`];
  for (const [name, side] of [
    ['rollcall with its agent', report.rollcall],
    ['prometheus with node_exporter', report.prometheus],
  ] as const) {
    lines.push(`${name.padEnd(30)} ${side.nonEmpty} with data, ${side.errors.length} errors`);
    lines.push(...side.errors.map((text) => `  ${text}`));
  }
  lines.push(`with data there and not here: ${report.onlyThere.length}`);
  for (const { target, missing } of report.onlyThere) {
    lines.push(`  ${target}: ${missing.length === 0 ? 'no metric is missing' : missing.join(', ')}`);
  }
  const metrics = [...new Set(report.onlyThere.flatMap(({ missing }) => missing))];
  if (metrics.length > 0) lines.push(`metrics behind that: ${metrics.length}`, `  ${metrics.join(' ')}`);
  lines.push(`with data here and not there: ${report.onlyHere.length}`);
  lines.push(...report.onlyHere.map((target) => `  ${target}`));
  process.stdout.write(`${lines.join('\n')}\n`);
}
