/** `/status/buildinfo`, `/status/tsdb`, `/targets`. */
import type { Answers } from '../../query/answers.ts';
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

/** `/targets`: nothing is ever dropped, and `state=dropped` lists nothing. */
export function targetsAnswer(targets: readonly Target[], parameters: Parameters): Answer {
  const state = parameters.text('state').toLowerCase();
  const isWanted = state === '' || state === 'any' || state === 'active';
  return answer({
    activeTargets: isWanted ? targets.map(targetJson) : [],
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
  const top = parameters.limit('limit') || TOP_DEFAULT;
  if (top > TOP_MAX) throw invalidParameter('limit', `limit must not exceed ${TOP_MAX}`);
  return answers.storeSizes(top, signal);
}
