/** `/status/…`, `/targets`, `/scrape_pools`, `/alertmanagers`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Answers } from '../../query/answers.ts';
import { formatDuration } from '../../query/parse/literals.ts';
import { answer } from './answers.ts';
import type { Answer } from './answers.ts';
import { invalidParameter } from './parameters.ts';
import type { Parameters } from './parameters.ts';

/** Of the running program. There must be no further keys: with `features` Grafana takes us for Mimir. */
export interface BuildInfo {
  readonly version: string;
  readonly revision: string;
  readonly branch: string;
  readonly buildUser: string;
  readonly buildDate: string;
  /** Prometheus names its compiler here, we the version of Node.js. */
  readonly goVersion: string;
}

/** How the program is set, as far as Prometheus has a word for it. Nothing of it is a secret. */
export interface ServerSettings {
  /** UTC milliseconds. */
  readonly startedMs: number;
  /** How often agents send unless they are told otherwise, and rules are evaluated. */
  readonly scrapeIntervalMs: number;
  readonly ruleIntervalMs: number;
  /** How long samples are kept at full resolution, such as `30d`, and in how many bytes; undefined for no limit. */
  readonly retention: string;
  readonly retentionBytes: number | undefined;
  /** By the names of Prometheus' flags, without dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** Where alerts are handed to an Alertmanager. */
  readonly alertmanagers: readonly string[];
}

/** A source of samples; for Rollcall an enrolled host. */
export interface Target {
  readonly job: string;
  readonly instance: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
  /** When samples last arrived, undefined if never. */
  readonly lastSampleMs: number | undefined;
  readonly intervalMs: number;
}

/** `/status/buildinfo`. */
export function buildInfoAnswer(info: BuildInfo): Answer {
  const { version, revision, branch, buildUser, buildDate, goVersion } = info;
  return answer({ version, revision, branch, buildUser, buildDate, goVersion });
}

/** `/status/config`: agents push, so there is nothing to scrape and what remains is how often things are done. */
export function configAnswer({ scrapeIntervalMs, ruleIntervalMs }: ServerSettings): Answer {
  const intervals = [
    `scrape_interval: ${formatDuration(scrapeIntervalMs)}`,
    `evaluation_interval: ${formatDuration(ruleIntervalMs)}`,
  ];
  return answer({ yaml: `global:\n  ${intervals.join('\n  ')}\n` });
}

/** `/status/flags`: only those that mean something here. */
export function flagsAnswer({ flags, retention, retentionBytes = 0 }: ServerSettings): Answer {
  const kept = {
    'storage.tsdb.retention.size': `${retentionBytes}B`,
    'storage.tsdb.retention.time': retention,
  };
  return answer({ ...flags, ...kept });
}

/** `/status/runtimeinfo`, without what only a program in Go has. Settings are read at the start and never again. */
export function runtimeInfoAnswer(settings: ServerSettings, nowMs: number): Answer {
  const { startedMs, retention, retentionBytes } = settings;
  const startTime = new Date(startedMs).toISOString();
  const size = retentionBytes === undefined ? '' : ` or ${retentionBytes}B`;
  return answer({
    startTime,
    serverTime: new Date(nowMs).toISOString(),
    reloadConfigSuccess: true,
    lastConfigTime: startTime,
    storageRetention: `${retention}${size}`,
  });
}

/** `/alertmanagers`. */
export function alertmanagersAnswer({ alertmanagers }: ServerSettings): Answer {
  return answer({ activeAlertmanagers: alertmanagers.map((url) => ({ url })), droppedAlertmanagers: [] });
}

/** `/scrape_pools`: the jobs of the targets. */
export function scrapePoolsAnswer(targets: readonly Target[]): Answer {
  return answer({ scrapePools: [...new Set(targets.map(({ job }) => job))] });
}

/** `/targets`: nothing is ever dropped, and `state=dropped` lists nothing. */
export function targetsAnswer(targets: readonly Target[], parameters: Parameters): Answer {
  const state = parameters.text('state').toLowerCase();
  const isWanted = state === '' || state === 'any' || state === 'active';
  const pool = parameters.text('scrapePool');
  const ofPool = pool === '' ? targets : targets.filter(({ job }) => job === pool);
  return answer({
    activeTargets: isWanted ? ofPool.map(targetJson) : [],
    droppedTargets: [],
    droppedTargetCounts: {},
  });
}

function targetJson({ job, instance, health, lastError, lastSampleMs, intervalMs }: Target): unknown {
  return {
    discoveredLabels: {},
    labels: { instance, job },
    scrapePool: job,
    // Agents push; there is nothing to fetch from.
    scrapeUrl: '',
    globalUrl: '',
    lastError,
    lastScrape: lastSampleMs === undefined ? '0001-01-01T00:00:00Z' : new Date(lastSampleMs).toISOString(),
    lastScrapeDuration: 0,
    health,
    scrapeInterval: `${intervalMs / 1000}s`,
    scrapeTimeout: `${intervalMs / 1000}s`,
  };
}

const TOP_DEFAULT = 10;
const TOP_MAX = 10_000;

/**
 * `/status/tsdb`: sizes of the store and its largest names.
 * @throws AppError BAD_REQUEST, and those of the store
 */
export async function tsdbAnswer(
  answers: Pick<Answers, 'storeSizes'>,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<Answer> {
  const top = parameters.wholeNumber('limit', 'a positive number') ?? TOP_DEFAULT;
  if (top < 1) throw new AppError('BAD_REQUEST', 'limit must be a positive number');
  if (top > TOP_MAX) throw invalidParameter('limit', `limit must not exceed ${TOP_MAX}`);
  return answers.storeSizes(top, signal);
}
