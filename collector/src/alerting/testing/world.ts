/** A small world for tests of alerting: hosts, series and receivers that do what the test says. */
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { LogFields, Logger } from '@rollcall/shared/lib/log.ts';
import type { HostState } from '../../api/types.ts';
import type { Database } from '../../state/database.ts';
import { openState } from '../../state/state.ts';
import { Labels } from '../../storage/labels.ts';
import type { AlertingCounters } from '../counters.ts';
import type { AlertingLimits } from '../limits.ts';
import type { Notification, Notifier, Receiver, SendResult } from '../notify/notifier.ts';
import type { OnCallConfig } from '../on-call/config.ts';
import { createAlerting, type Alerting, type AlertingOptions } from '../pipeline.ts';
import type { EvaluatedSample, HostPresence, HostsPort, Outage } from '../ports.ts';
import type { ExpressionRule, PresenceRule, Rule } from '../rules/rule.ts';

export const HOST_DOWN: PresenceRule = {
  source: 'presence',
  id: 'HostDown',
  name: 'HostDown',
  kind: 'uptime',
  severity: 'page',
  forMs: 0,
  labels: {},
  title: '{{ $labels.instance }} is down',
  description: 'silent since {{ $since }}',
  threshold: null,
};

/** Raised, clear, present and read as the sets of the same names in `World` say. */
export const DISK_FULL: ExpressionRule = {
  source: 'expression',
  id: 'DiskFull',
  name: 'DiskFull',
  kind: 'capacity',
  severity: 'ticket',
  forMs: 0,
  labels: { team: 'storage' },
  title: '{{ $labels.mountpoint }} is {{ $value | humanizePercentage }} full',
  description: 'since {{ $since }}',
  threshold: 0.9,
  raise: 'raise',
  clear: 'clear',
  exists: 'exists',
  witness: 'witness',
};

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export interface RecordingLogger extends Logger {
  readonly lines: LogLine[];
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface RecordingCounters extends AlertingCounters {
  /** The sum of a counter over all labels that match `labels`. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

export function recordingCounters(): RecordingCounters {
  const entries: { name: string; labels: Readonly<Record<string, string>>; by: number }[] = [];
  return {
    increment: (name, labels, by = 1) => void entries.push({ name, labels, by }),
    sum: (name, wanted = {}) =>
      entries
        .filter((entry) => entry.name === name)
        .filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value))
        .reduce((sum, { by }) => sum + by, 0),
  };
}

export const DELIVERED: SendResult = { kind: 'delivered', status: 200 };
export const FAILED: SendResult = {
  kind: 'retry',
  error: 'the receiver answered 500',
  status: 500,
  retryAfterMs: null,
  excerpt: null,
};
export const REFUSED: SendResult = {
  kind: 'refused',
  error: 'the receiver answered 400',
  status: 400,
  excerpt: null,
  isReceiverGone: false,
};

/** A receiver that notes everything and answers as told. */
export class FakeNotifier implements Notifier {
  readonly received: Notification[] = [];
  /** The answer to each notification; may be a promise that hangs. */
  answer: (notification: Notification, signal: AbortSignal) => SendResult | Promise<SendResult> = () =>
    DELIVERED;

  async send(notification: Notification, signal: AbortSignal): Promise<SendResult> {
    this.received.push(notification);
    return this.answer(notification, signal);
  }

  /** What came, as `kind title`. */
  get texts(): readonly string[] {
    return this.received.map(({ kind, snapshot }) => `${kind} ${snapshot.title}`);
  }
}

/** Rejects when `signal` is aborted, and does nothing else. */
export function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
}

export interface WorldOptions {
  readonly rules?: readonly Rule[];
  readonly limits?: Partial<AlertingLimits>;
  readonly receivers?: readonly string[];
  readonly state?: Database;
  readonly onCall?: OnCallConfig;
  readonly evaluateRange?: AlertingOptions['evaluateRange'];
  readonly changesOf?: AlertingOptions['changesOf'];
  readonly processesOf?: AlertingOptions['processesOf'];
  readonly settings?: Pick<AlertingOptions, 'routes' | 'inhibitRules' | 'dependencies'>;
}

export class World {
  readonly clock = new FakeClock();
  readonly log = recordingLogger();
  readonly counters = recordingCounters();
  readonly state: Database;
  readonly hosts = new Map<string, HostPresence>();
  readonly notifiers: ReadonlyMap<string, FakeNotifier>;
  outage: Outage = { kind: 'none' };
  /** Names of the hosts that are away together. */
  readonly vanished = new Set<string>();
  readonly hostsPort: HostsPort = {
    list: () => [...this.hosts.values()],
    stateOf: (hostId) => [...this.hosts.values()].find(({ id }) => id === hostId)?.state ?? 'unknown',
    outage: () => this.outage,
    isInOutage: (hostId) =>
      [...this.hosts.values()].some(({ id, name }) => id === hostId && this.vanished.has(name)),
  };
  /** The results of the four expressions of `DISK_FULL`, by `instance mountpoint`. */
  readonly raise = new Map<string, number>();
  readonly clear = new Map<string, number>();
  readonly exists = new Set<string>();
  readonly witness = new Set<string>();
  /** Runs before each query is answered; may throw or hang. */
  onQuery: (signal: AbortSignal) => void | Promise<void> = () => {};
  readonly #options: WorldOptions;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.state = options.state ?? openState(':memory:');
    this.notifiers = new Map((options.receivers ?? ['hook']).map((name) => [name, new FakeNotifier()]));
  }

  /** The only or first receiver. */
  get hook(): FakeNotifier {
    const [first] = this.notifiers.values();
    if (first === undefined) throw new Error('the world has no receiver');
    return first;
  }

  /**
   * A new pipeline on the same database, as after a restart.
   * @param life what the pipeline gets for database and clock, when it is to die with them
   */
  createAlerting(life: { readonly state: Database; readonly clock: Clock } = this): Alerting {
    const receivers: readonly Receiver[] = [...this.notifiers].map(([name, notifier]) => ({
      name,
      notifier,
    }));
    return createAlerting({
      state: life.state,
      clock: life.clock,
      random: () => 0.5,
      log: this.log,
      hosts: this.hostsPort,
      evaluate: async (expression, _timeMs, signal) => {
        await this.onQuery(signal);
        return this.#evaluate(expression);
      },
      receivers,
      ...this.#options.settings,
      rules: this.#options.rules ?? [HOST_DOWN, DISK_FULL],
      ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
      evaluateRange: this.#options.evaluateRange,
      changesOf: this.#options.changesOf,
      processesOf: this.#options.processesOf,
      ...(this.#options.onCall === undefined ? {} : { onCall: this.#options.onCall }),
      counters: this.counters,
    });
  }

  /** Outbox rows by status. */
  outboxCounts(): Readonly<Record<string, unknown>> {
    const rows = this.state.connection.prepare('SELECT status, count(*) AS n FROM outbox GROUP BY 1').all();
    return Object.fromEntries(rows.map((row) => [row['status'], row['n']]));
  }

  /** Puts a host into a state, with data as old as told (fresh when left out). */
  setHost(name: string, state: HostState, dataAgeMs: number | null = 0): void {
    const nowMs = this.clock.wallMs();
    const newestDataMs = dataAgeMs === null ? null : nowMs - dataAgeMs;
    this.hosts.set(name, { id: idOf(name), name, state, sinceMs: nowMs, newestDataMs });
  }

  /** Makes the data of all hosts that are up fresh. */
  refresh(): void {
    for (const [name, host] of this.hosts) if (host.state === 'up') this.setHost(name, 'up');
  }

  #evaluate(expression: string): readonly EvaluatedSample[] {
    switch (expression) {
      case 'raise':
        return [...this.raise].map(([key, value]) => sampleOf(key, value));
      case 'clear':
        return [...this.clear].map(([key, value]) => sampleOf(key, value));
      case 'exists':
        return [...this.exists].map((key) => sampleOf(key, 1));
      case 'witness':
        return [...this.witness].map((key) => sampleOf(key, 1));
      default:
        throw new Error(`unexpected query ${expression}`);
    }
  }
}

export function idOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(32, '0');
}

function sampleOf(key: string, value: number): EvaluatedSample {
  const [instance = '', mountpoint = ''] = key.split(' ');
  return { labels: Labels.of({ instance, mountpoint }), value };
}

/** All deliveries, oldest incident first, as `host transition receiver status`, with the reason if there is one. */
export function deliveries(alerting: Alerting): readonly string[] {
  const incidents = [...alerting.incidents.list({ status: 'all', hostId: null, limit: 1_000 })].reverse();
  return incidents.flatMap(({ hostName, deliveries: rows }) =>
    rows.map(({ transition, receiver, status, lastError }) =>
      [hostName, transition, receiver, status, ...(lastError === null ? [] : [lastError])].join(' '),
    ),
  );
}

/** Alerting of a world, evaluating. */
export function start(world: World): Alerting {
  const alerting = world.createAlerting();
  alerting.start();
  return alerting;
}
