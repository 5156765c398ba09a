/**
 * The series about the hosts that no agent can send: `up`, `rollcall_host_state`, `rollcall_host_info`,
 * `rollcall_agent_backlog_seconds` and `rollcall_samples_lost_total`, once per interval for every host, whether it
 * reports or not; and `rollcall_host_key_conflict` for the few whose keys were seen on two machines.
 */
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { HostState } from '../api/types.ts';
import { Labels, METRIC_NAME } from '../storage/labels.ts';
import { MomentBatch } from '../storage/moment-batch.ts';
import type { Hosts } from './hosts.ts';
import type { PresenceWatch } from './presence.ts';

const STATES: readonly HostState[] = ['unknown', 'up', 'suspect', 'down', 'planned'];
/** Until kinds of hosts can be told apart, all are servers: nobody may be missed. */
const HOST_KIND = 'server';
/** Series of one append, of some hundred and fifty hosts: each append waits for a commit, and new ones are placed in one turn. */
const SERIES_PER_APPEND = 1_400;
/** Appends that wait for the store: one that is written and one that is next. */
const PIECES_WAITING_MAX = 2;

/** The labels of one host's series, made once. */
interface HostSeries {
  readonly up: Labels;
  readonly info: Labels;
  readonly backlog: Labels;
  readonly lost: Labels;
  readonly states: readonly (readonly [HostState, Labels])[];
  /** Made with the first conflict since the start; from then on its end is told as well. */
  conflict: Labels | undefined;
}

export class FleetSeries {
  readonly #options: FleetSeriesOptions;
  readonly #byHost = new Map<string, HostSeries>();
  #timer: Timer | undefined;
  #isAppending = false;
  #isFailing = false;
  #isRefused = false;

  constructor(options: FleetSeriesOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, intervalMs } = this.#options;
    this.#timer ??= clock.setTimer(
      intervalMs,
      () => {
        this.#timer = undefined;
        this.start();
        void this.write();
      },
      { isBackground: true },
    );
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * Appends the present states. A round that falls due while the one before still waits for the store is left out: its
   * time would be wrong by then. Never rejects; a failure is logged when it starts and ends.
   */
  async write(): Promise<void> {
    const { append, counted, log, yieldToLoop } = this.#options;
    if (this.#isAppending) {
      counted('skipped');
      return;
    }
    this.#isAppending = true;
    try {
      const appended: Promise<Appended>[] = [];
      let refused = 0;
      for (const piece of this.#round()) {
        // All of a large fleet at once would wait for so long that the engine takes them for something to keep.
        if (appended.length === PIECES_WAITING_MAX) refused += (await appended.shift())?.rejected.length ?? 0;
        const one = append(piece);
        appended.push(one);
        // Told above or below, when it is its turn.
        one.catch(() => undefined);
        await yieldToLoop();
      }
      for (const { rejected } of await Promise.all(appended)) refused += rejected.length;
      this.#tellRefused(refused);
      counted(refused === 0 ? 'written' : 'refused');
      if (this.#isFailing) log.info('host states are stored again');
      this.#isFailing = false;
    } catch (error) {
      counted('failed');
      if (!this.#isFailing) log.error('host states cannot be stored', { error: describeError(error) });
      this.#isFailing = true;
    } finally {
      this.#isAppending = false;
    }
  }

  /** Series that have newer samples take none: a clock that was ahead and has been set right leaves such for as long as it was. */
  #tellRefused(samples: number): void {
    const { log } = this.#options;
    if (samples > 0 && !this.#isRefused)
      log.warn('host states are refused by the store, which has newer ones: was the clock ahead?', {
        samples,
      });
    if (samples === 0 && this.#isRefused) log.info('host states are taken again');
    this.#isRefused = samples > 0;
  }

  /** The series of all hosts in pieces, each of them worth an append. */
  *#round(): Iterable<MomentBatch> {
    const { clock, hosts, presence, newestDataMs, lostSamples } = this.#options;
    const timeMs = clock.wallMs();
    let batch = new MomentBatch(timeMs);
    const add = (labels: Labels, value: number): void => batch.add(labels, value);
    const gone = new Set(this.#byHost.keys());
    for (const [hostId, state] of presence.all()) {
      gone.delete(hostId);
      const series = this.#seriesOf(hostId);
      // While nothing is known of a host there is no value that would be true.
      if (state !== 'unknown') add(series.up, state === 'up' ? 1 : 0);
      add(series.info, 1);
      const newestMs = newestDataMs(hostId);
      // A clock that runs ahead is no backlog.
      if (newestMs !== null) add(series.backlog, Math.max(0, timeMs - newestMs) / 1000);
      add(series.lost, sumOf(lostSamples(hostId)));
      for (const [name, labels] of series.states) add(labels, name === state ? 1 : 0);
      const hasConflict = (hosts.get(hostId)?.conflictMs ?? null) !== null;
      if (hasConflict) series.conflict ??= this.#labelsOf(hostId, 'rollcall_host_key_conflict');
      if (series.conflict !== undefined) add(series.conflict, hasConflict ? 1 : 0);
      if (batch.length < SERIES_PER_APPEND) continue;
      yield batch;
      batch = new MomentBatch(timeMs);
    }
    for (const hostId of gone) for (const labels of this.#ended(hostId)) batch.addEnd(labels);
    if (batch.length > 0) yield batch;
  }

  /** The series of a host that was retired. */
  #ended(hostId: string): readonly Labels[] {
    const { up, info, backlog, lost, states, conflict } = this.#seriesOf(hostId);
    this.#byHost.delete(hostId);
    const all = [up, info, backlog, lost, ...states.map(([, labels]) => labels)];
    return conflict === undefined ? all : [...all, conflict];
  }

  #seriesOf(hostId: string): HostSeries {
    let series = this.#byHost.get(hostId);
    if (series === undefined) {
      const named = (name: string, ...labels: (readonly [string, string])[]): Labels =>
        this.#labelsOf(hostId, name, ...labels);
      series = {
        up: named('up'),
        info: named('rollcall_host_info', ['host_id', hostId], ['presence', HOST_KIND]),
        backlog: named('rollcall_agent_backlog_seconds'),
        lost: named('rollcall_samples_lost_total'),
        states: STATES.map((state) => [state, named('rollcall_host_state', ['state', state])] as const),
        conflict: undefined,
      };
      this.#byHost.set(hostId, series);
    }
    return series;
  }

  #labelsOf(hostId: string, name: string, ...labels: (readonly [string, string])[]): Labels {
    return Labels.from([...this.#options.hosts.identityLabels(hostId), [METRIC_NAME, name], ...labels]);
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The part of the store's answer that matters here. */
interface Appended {
  readonly rejected: readonly unknown[];
}

export interface FleetSeriesOptions {
  readonly hosts: Hosts;
  readonly presence: PresenceWatch;
  /** Time of the host's newest reading, UTC milliseconds; `null` when none came since the collector started. */
  readonly newestDataMs: (this: void, hostId: string) => number | null;
  /** Samples lost and declared, by reason. */
  readonly lostSamples: (this: void, hostId: string) => Readonly<Record<string, number>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The agents' interval. */
  readonly intervalMs: number;
  /** The store; rejects when nothing was stored. */
  readonly append: (batch: MomentBatch) => Promise<Appended>;
  /** `refused` when part of a round was. */
  readonly counted: (outcome: 'written' | 'refused' | 'skipped' | 'failed') => void;
  /** Resolves in a later turn of the event loop. */
  readonly yieldToLoop: () => Promise<void>;
}
