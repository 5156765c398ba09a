/**
 * Every query of every board, on samples of this machine: against our API, Prometheus, VictoriaMetrics and InfluxDB,
 * which all hold the same samples. Grafana itself is not there; `npm run bench -- boards` does it with real agents.
 */
import { hostname } from 'node:os';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boardJson } from '../../dashboards/src/board.ts';
import { BOARDS } from '../../dashboards/src/list.ts';
import { collectorText } from '../../dashboards/src/testing/collector-figures.ts';
import { needs, type Needed } from '../harness/needs.ts';
import { askInflux, askPrometheus, targetsOf, type BoardTarget, type TargetAnswer } from './boards/ask.ts';
import { differences, excuse, type Tolerance } from './boards/compare.ts';
import { askLikeGrafana, type GrafanaAnswer } from './boards/grafana-requests.ts';
import { linesOf } from './boards/lines.ts';
import { realSamples, type PlainSeries } from './boards/samples.ts';
import { startInflux, startOurs, startPrometheus, startVictoria, type BoardStore } from './boards/servers.ts';
import { killPrograms } from './programs.ts';

const prometheus = needs('prometheus');
const victoria = needs('victoria-metrics');
const influxd = needs('influxd');

const STEP_MS = 10_000;
/** Samples lie between the steps, so that it does not matter which end of a window belongs to it. */
const OFFSET_MS = 7_000;
const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
const WINDOW = { startS: endMs / 1000 - 60, endS: endMs / 1000, stepS: STEP_MS / 1000 };
const VARIABLES = {
  job: '.+',
  host: hostname(),
  collector: '.+',
  __interval: '10s',
  __rate_interval: '20s',
  __range: '60s',
};

type Answers = ReadonlyMap<string, TargetAnswer>;

let folder: ReturnType<typeof tempDir>;
let ours: Answers;
let [ourGrafana, theirGrafana]: readonly (readonly GrafanaAnswer[])[] = [];
let [inPrometheus, inVictoria, inInflux]: readonly (Answers | undefined)[] = [];
const PROMQL = BOARDS.flatMap((board) => targetsOf(boardJson(board, 'prometheus')));
const INFLUXQL = BOARDS.flatMap((board) => targetsOf(boardJson(board, 'influxql')));

beforeAll(async () => {
  folder = tempDir();
  const grid = { endMs: endMs - STEP_MS + OFFSET_MS, stepMs: STEP_MS, count: 5 };
  const series = await realSamples(
    grid,
    await collectorText((label) => (label === 'outcome' ? 'missing' : 'accepted')),
  );
  const started = async (
    { path }: Needed,
    start: (program: string, folder: string, series: readonly PlainSeries[]) => Promise<BoardStore>,
  ): Promise<Answers | undefined> =>
    path === null ? undefined : askAll(await start(path, folder.path, series), PROMQL, askPrometheus);
  // The stores take their time to start; together they take that of the slowest.
  const others = Promise.all([
    started(prometheus, async (path, at, samples) => {
      const store = await startPrometheus(path, at, samples);
      theirGrafana = await askLikeGrafana(store.url, WINDOW.endS);
      return store;
    }),
    started(victoria, startVictoria),
    influxd.path === null
      ? undefined
      : startInflux(influxd.path, folder.path, linesOf(series)).then((store) =>
          askAll(store, INFLUXQL, askInflux),
        ),
  ]);
  const api = await startOurs(series);
  ourGrafana = await askLikeGrafana(api.url, WINDOW.endS);
  ours = await askAll(api, PROMQL, askPrometheus);
  [inPrometheus, inVictoria, inInflux] = await others;
});
afterAll(() => {
  killPrograms();
  folder[Symbol.dispose]();
});

async function askAll(
  store: BoardStore,
  targets: readonly BoardTarget[],
  ask: typeof askPrometheus,
): Promise<Answers> {
  const answers = await Promise.all(
    targets.map(async (target) => [nameOf(target), await ask(store.url, target, WINDOW, VARIABLES)] as const),
  );
  await store.stop();
  return new Map(answers);
}

/** The same for the same query of both kinds of boards. */
function nameOf({ board, panel, refId }: BoardTarget): string {
  return `${board.replace('-influxql', '')} / ${panel} ${refId}`;
}

function errorsOf(answers: Answers): readonly string[] {
  return [...answers].flatMap(([name, answer]) =>
    answer.kind === 'error' ? [`${name}: ${answer.text}`] : [],
  );
}

/** Queries without a result that have no reason to be empty. */
function emptyOnes(targets: readonly BoardTarget[], answers: Answers): readonly string[] {
  return targets.flatMap((target) => {
    const answer = answers.get(nameOf(target));
    const isEmpty = answer?.kind !== 'values' || answer.values.size === 0;
    const isExcused = [target, ...twinsOf(target)].some((one) => excuse(one) !== undefined);
    return isEmpty && !isExcused ? [nameOf(target)] : [];
  });
}

/** The same query in PromQL, whose text says more about what it asks for. */
function twinsOf(target: BoardTarget): readonly BoardTarget[] {
  return PROMQL.filter((one) => nameOf(one) === nameOf(target));
}

function allDifferences(theirs: Answers, tolerance: Tolerance): readonly string[] {
  return PROMQL.filter(({ panel }) => !panel.startsWith('marks:')).flatMap((target) => {
    const [answer, other] = [ours.get(nameOf(target)), theirs.get(nameOf(target))];
    if (answer === undefined || other === undefined) return [];
    return differences({ target, answer }, other, tolerance).map((text) => `${nameOf(target)}: ${text}`);
  });
}

describe('every query of every board', () => {
  it('has a result in Rollcall', () => {
    expect(ours.size).toBe(PROMQL.length);
    expect(errorsOf(ours)).toEqual([]);
    expect(emptyOnes(PROMQL, ours)).toEqual([]);
  });

  it.skipIf(prometheus.path === null)(`has the same result in Prometheus${prometheus.note}`, () => {
    const theirs = inPrometheus ?? new Map();
    expect(theirs.size).toBe(PROMQL.length);
    expect(errorsOf(theirs)).toEqual([]);
    expect(allDifferences(theirs, { ratio: 1e-9, rateRatio: 1e-6 })).toEqual([]);
  });

  it.skipIf(victoria.path === null)(`has a like result in VictoriaMetrics${victoria.note}`, () => {
    const theirs = inVictoria ?? new Map();
    expect(theirs.size).toBe(PROMQL.length);
    expect(errorsOf(theirs)).toEqual([]);
    expect(emptyOnes(PROMQL, theirs)).toEqual([]);
    // Its rates reach back to the sample before the window.
    expect(allDifferences(theirs, { ratio: 1e-9, rateRatio: Infinity })).toEqual([]);
  });

  it.skipIf(influxd.path === null)(`has a like result in InfluxDB, as InfluxQL${influxd.note}`, () => {
    const theirs = inInflux ?? new Map();
    expect(theirs.size).toBe(INFLUXQL.length);
    expect(errorsOf(theirs)).toEqual([]);
    expect(emptyOnes(INFLUXQL, theirs)).toEqual([]);
    // PromQL takes a counter to have begun at nought, which makes some rates smaller.
    expect(allDifferences(theirs, { ratio: 1e-9, rateRatio: 0.2 })).toEqual([]);
  });
});

describe('what Grafana asks for', () => {
  it('is answered as it needs it', () => {
    expect(ourGrafana?.map(({ when, status, type }) => [when, status, type])).toEqual([
      ['save and test', 200, 'application/json'],
      ['save and test: which program', 200, 'application/json'],
      ['start: exemplars', 200, 'application/json'],
      ['start: rules', 200, 'application/json'],
      ['a chart', 200, 'application/json'],
      ['a table', 200, 'application/json'],
      ['an empty chart', 200, 'application/json'],
      ['a wrong query', 400, 'application/json'],
      ['editor: metrics', 200, 'application/json'],
      ['editor: labels', 200, 'application/json'],
      ['editor: hints', 200, 'application/json'],
      ['editor: labels of a metric', 200, 'application/json'],
      ['variable', 200, 'application/json'],
      ['variable, asked as series', 200, 'application/json'],
      ['list of alerts', 200, 'application/json'],
      ['something that is not there', 404, 'text/plain'],
    ]);
  });

  it.skipIf(prometheus.path === null)(`is answered as Prometheus does${prometheus.note}`, () => {
    expect(ourGrafana).toEqual(theirGrafana);
  });
});
