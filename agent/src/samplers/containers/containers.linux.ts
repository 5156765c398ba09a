/**
 * Containers from their control groups, second version, under cAdvisor's names: /sys/fs/cgroup/…/{cpu,memory,io}.*. Which
 * there are is looked up once a minute, and what they are called is asked of Docker or Podman when their socket may be
 * read. docs/decisions/0063 says what is bounded, and why.
 */
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { HostError, isAbsent, type Host } from '../../host/host.ts';
import { parseNumber } from '../parse.ts';
import { SERIES_PER_SAMPLER, type Readings } from '../readings.ts';
import { REMEMBER_MS } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { parseStat } from '../stat/stat.ts';
import { Container, CONTAINER_METRIC_NAMES, FILES_EACH } from './container.linux.ts';
import {
  findContainers,
  firstProcess,
  type FoundContainer,
  hostNamespace,
  listOrNone,
  ownNetworkPath,
} from './find.linux.ts';
import { LIST_REQUEST, NO_NAMES, parseContainerList, parseLogNames, type ContainerNames } from './names.ts';

/** Containers that are read; the oldest ones, so that newcomers change nothing of the others. */
export const CONTAINERS_MAX = 500;
/** Files that may stay open between the readings, so that there is room for those that every tick reads. */
const KEPT_OPEN_FILES_MAX = 480;
/** Series of a container that everything is told of, with two disks and a network device; and of one told in brief. */
const DETAILED_SERIES = 40;
const BRIEF_SERIES = 4;
/** One that has run for less is not told of: some come and go each second, and each would make a new schema. */
export const AGE_SECONDS_MIN = 10;
/** How long Docker or Podman may take to say what containers are called. */
const ASK_MS_MAX = 1_000;
const MS_PER_SECOND = 1_000;
const SHORT_ID_LENGTH = 12;
const KUBERNETES_LOGS = '/var/log/containers';
/** Docker, Podman of root; those of users are found in /run/user. */
const SOCKETS = ['/run/docker.sock', '/run/podman/podman.sock'] as const;
const USERS = '/run/user';
const USER_SOCKETS = ['docker.sock', 'podman/podman.sock'] as const;
const SOCKETS_MAX = 16;

/** What one look has found; stays until the next one. */
interface Look {
  readonly atMs: number;
  readonly containers: readonly Container[];
}

const METRICS: readonly MetricName[] = [
  ...CONTAINER_METRIC_NAMES,
  'container_last_seen',
  'rollcall_agent_containers',
  'rollcall_agent_containers_skipped_total',
];

export function containersSampler(clock: Clock): Sampler {
  const containers = new Containers(clock);
  return {
    name: 'containers',
    metrics: METRICS,
    sample: (host, readings, signal) => containers.sample(host, readings, signal),
  };
}

/** The containers of the machine from one reading to the next. */
class Containers {
  readonly #clock: Clock;
  #look: Look = { atMs: Number.NEGATIVE_INFINITY, containers: [] };
  #names: ReadonlyMap<string, ContainerNames> = new Map();
  /** By path; kept from look to look. */
  #known: ReadonlyMap<string, Container> = new Map();
  readonly #skipped = { young: 0, limit: 0 };
  /** Why nobody could be asked for names, until somebody could. */
  #problem: { readonly path: string; readonly error: HostError } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sample(host: Host, readings: Readings, signal: AbortSignal): void | Promise<void> {
    const nowMs = this.#clock.monoMs();
    if (nowMs - this.#look.atMs < REMEMBER_MS) {
      this.#add(host, readings);
      return undefined;
    }
    const found = findContainers(host);
    if (this.#problem === undefined && found.every(({ id }) => this.#names.has(id))) {
      this.#take(host, found, nowMs);
      this.#add(host, readings);
      return undefined;
    }
    return this.#askNames(host, found, signal).then((names) => {
      this.#names = names;
      this.#take(host, found, nowMs);
      this.#add(host, readings);
    });
  }

  /** Chooses those of the found ones that are told of. */
  #take(host: Host, found: readonly FoundContainer[], nowMs: number): void {
    const uptimeSeconds = found.length === 0 ? 0 : readUptime(host);
    const bootSeconds = found.length === 0 ? 0 : readBoot(host);
    const running: Container[] = [];
    for (const { id, path } of found) {
      const first = firstProcess(host, path);
      if (first === undefined) continue;
      if (first.startSeconds !== undefined && uptimeSeconds - first.startSeconds < AGE_SECONDS_MIN) {
        this.#skipped.young += 1;
        continue;
      }
      const names = this.#names.get(id) ?? NO_NAMES;
      const shown = { ...names, name: names.name === '' ? id.slice(0, SHORT_ID_LENGTH) : names.name };
      const before = this.#known.get(path);
      running.push(
        before?.isSame(first, shown) === true
          ? before
          : new Container({ path, first, names: shown, bootSeconds }),
      );
    }
    running.sort(
      (left, right) => left.startSeconds - right.startSeconds || (left.path < right.path ? -1 : 1),
    );
    this.#skipped.limit += Math.max(0, running.length - CONTAINERS_MAX);
    const containers = running.slice(0, CONTAINERS_MAX);
    const namespaces = new Set<string>();
    const own = hostNamespace(host);
    const detailedCount = detailedCountOf(containers.length);
    const isKeptOpen = containers.length * FILES_EACH <= KEPT_OPEN_FILES_MAX;
    if (own !== undefined) namespaces.add(own);
    for (const [i, container] of containers.entries()) {
      const isDetailed = i < detailedCount;
      const network =
        isDetailed && own !== undefined ? ownNetworkPath(host, container.pid, namespaces) : undefined;
      container.prepare(host, { isDetailed, isKeptOpen, networkPath: network });
    }
    this.#known = new Map(containers.map((container) => [container.path, container]));
    this.#look = { atMs: nowMs, containers };
  }

  #add(host: Host, readings: Readings): void {
    const { containers } = this.#look;
    const { young, limit } = this.#skipped;
    if (containers.length === 0 && young + limit === 0) return;
    const nowSeconds = Math.floor(this.#clock.wallMs() / MS_PER_SECOND);
    let read = 0;
    for (const container of containers) {
      if (!container.add(host, readings)) continue;
      readings.addLabelled('container_last_seen', container.labels, nowSeconds);
      read += 1;
    }
    readings.add('rollcall_agent_containers', read);
    readings.add('rollcall_agent_containers_skipped_total', limit, 'limit');
    readings.add('rollcall_agent_containers_skipped_total', young, 'young');
    if (this.#problem !== undefined) readings.complain(this.#problem.path, this.#problem.error);
  }

  /** Names of all that were found, NO_NAMES for those that nobody could name. */
  async #askNames(
    host: Host,
    found: readonly FoundContainer[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ContainerNames>> {
    const told = new Map(host.has(KUBERNETES_LOGS) ? parseLogNames(listOrNone(host, KUBERNETES_LOGS)) : []);
    this.#problem = undefined;
    for (const path of socketPaths(host)) {
      try {
        for (const [id, names] of await this.#ask(host, path, signal)) told.set(id, names);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // Where it may not be read, which is how most machines are, names are not known; that is no fault.
        if (isAbsent(error) || (error instanceof HostError && error.kind === 'denied')) continue;
        this.#problem = {
          path,
          error: error instanceof HostError ? error : new HostError('io', error.message),
        };
      }
    }
    return new Map(found.map(({ id }) => [id, told.get(id) ?? this.#names.get(id) ?? NO_NAMES]));
  }

  async #ask(host: Host, path: string, signal: AbortSignal): Promise<ReadonlyMap<string, ContainerNames>> {
    const onTimeout = (): Error => new HostError('timeout', `ask ${path}: no answer within ${ASK_MS_MAX} ms`);
    const answer = await withDeadline(this.#clock, { timeoutMs: ASK_MS_MAX, onTimeout }, (deadline) =>
      host.ask(path, { target: LIST_REQUEST, signal: AbortSignal.any([signal, deadline]) }),
    );
    return parseContainerList(answer);
  }
}

/** How many of so many containers can be told of in full, so that all fit into a sampler: all of 75, 27 of 500. */
export function detailedCountOf(count: number): number {
  const spare = SERIES_PER_SAMPLER - count * BRIEF_SERIES;
  return Math.max(0, Math.floor(spare / (DETAILED_SERIES - BRIEF_SERIES)));
}

function socketPaths(host: Host): readonly string[] {
  const users = host.has(USERS) ? listOrNone(host, USERS).filter((name) => /^\d+$/.test(name)) : [];
  const ofUsers = users.flatMap((user) => USER_SOCKETS.map((socket) => `${USERS}/${user}/${socket}`));
  return [...SOCKETS, ...ofUsers].filter((path) => host.has(path)).slice(0, SOCKETS_MAX);
}

function readUptime(host: Host): number {
  const [seconds] = host.readOnce('/proc/uptime').toString('latin1').split(' ');
  return parseNumber(seconds, '/proc/uptime');
}

function readBoot(host: Host): number {
  const values = parseStat(host.read('/proc/stat').toString('latin1'));
  return values.find(({ metric }) => metric === 'node_boot_time_seconds')?.value ?? Number.NaN;
}
