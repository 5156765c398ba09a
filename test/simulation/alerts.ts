/**
 * The alerting of a collector in a world of its own: hosts and disks come and go, the receiver misbehaves, the program is
 * killed between any two writes. What is told to people is compared with what was there to tell. It stands beside the
 * delivery, not in it: an alert hangs on presence and data, whose truth the other world checks.
 */
import { mortal, type Mortal } from '../../collector/src/alerting/testing/mortal.ts';
import { DELIVERED, FAILED, hang, REFUSED, World } from '../../collector/src/alerting/testing/world.ts';
import type { Notification, SendResult } from '../../collector/src/alerting/notify/notifier.ts';
import type { Alerting } from '../../collector/src/alerting/pipeline.ts';
import { Random } from './random.ts';

const HOSTS = ['a', 'b', 'c'] as const;
const DISK = '/';
const STATES = ['up', 'up', 'down', 'down', 'suspect', 'unknown', 'planned'] as const;
const DISKS = ['raised', 'raised', 'between', 'cleared', 'missing', 'unread'] as const;
const MODES = ['delivers', 'delivers', 'fails', 'refuses', 'hangs', 'accepts and is cut off'] as const;
const WAITS_MS = [1, 200, 5_000, 30_000, 400_000] as const;
/** Data of a host that is up stays fresh only while time moves in portions that are shorter than its limit of age. */
const PORTION_MS = 60_000;
/** Two minutes, and the longest portion. */
const FRESH_MS = 180_000;
/** Older data are no evidence. */
const DATA_AGE_MS_MAX = 120_000;
const GONE_MS = 300_000;
const HEAL_MS = 1_800_000;
/** What may become of a row of the outbox. */
const ENDS: ReadonlySet<string> = new Set(['delivered', 'dead', 'superseded', 'suppressed']);

export interface AlertOutcome {
  readonly violation: { readonly check: string; readonly detail: string } | undefined;
  readonly marks: ReadonlyMap<string, number>;
}

/** Lives through the troubles of a seed, then heals and judges. */
export async function runAlerts(seed: number): Promise<AlertOutcome> {
  const life = new AlertLife(new Random(seed, 'alerts'));
  try {
    await life.suffer();
    await life.heal();
    life.judge();
  } finally {
    await life.end();
  }
  return { violation: life.violation, marks: life.marks };
}

class AlertLife {
  readonly marks = new Map<string, number>();
  violation: AlertOutcome['violation'];
  readonly #random: Random;
  readonly #world = new World({ limits: { evaluationIntervalMs: 15_000 } });
  readonly #disks = new Map<string, (typeof DISKS)[number]>();
  /** When the rules first saw a disk missing from fresh data; an absence that they saw interrupted begins anew. By host. */
  readonly #missingSinceMs = new Map<string, number>();
  readonly #seen = new Set<string>();
  /** In which life of the program the receiver told it that it has a transition, by id. */
  readonly #toldIn = new Map<string, number>();
  /** Transitions that nobody can be told of: that the only receiver takes nothing. */
  readonly #untellable = new Set<string>();
  /** When the receiver took something, and when it refused something for ever; by the wall clock. */
  readonly #tookAtMs = new Set<number>();
  readonly #refusedAtMs = new Set<number>();
  readonly #highest = new Map<string, number>();
  readonly #bodies = new Map<string, string>();
  #mode: (typeof MODES)[number] = 'delivers';
  #lives = 0;
  #mortal: Mortal;
  #alerting: Alerting;

  constructor(random: Random) {
    this.#random = random;
    this.#world.hook.answer = (notification, signal) => this.#receive(notification, signal);
    this.#world.onQuery = () => this.#noteMissing();
    for (const name of HOSTS) {
      this.#world.setHost(name, 'up');
      this.#setDisk(name, 'cleared');
    }
    [this.#mortal, this.#alerting] = this.#born();
  }

  async suffer(): Promise<void> {
    const steps = this.#random.integer(15, 50);
    for (let step = 0; step < steps; step++) {
      await this.#trouble();
      await this.#wait(1);
    }
  }

  async heal(): Promise<void> {
    this.#mode = 'delivers';
    this.#mortal.killAt(Number.POSITIVE_INFINITY, 'before commit');
    for (const name of HOSTS)
      if (this.#world.hosts.get(name)?.state !== 'down') this.#world.setHost(name, 'up');
    await this.#wait(HEAL_MS);
  }

  /** All is well again: everything was told or given up, and what is open is what is wrong. */
  judge(): void {
    const rows = this.#world.state.connection.prepare('SELECT transition_id AS id, status FROM outbox').all();
    const statusOf = new Map(rows.map(({ id, status }) => [String(id), String(status)]));
    const tellable = [...this.#seen].filter((id) => !this.#untellable.has(id));
    this.#must(rows.length === tellable.length, 'one row per transition', `${rows.length} rows`);
    for (const id of tellable) {
      const status = statusOf.get(id) ?? 'nowhere';
      this.#mark(`alert ${status}`);
      this.#must(ENDS.has(status), 'every transition ends', `${id} is ${status}`);
      const isTold = status !== 'delivered' || this.#toldIn.has(id);
      this.#must(isTold, 'what counts as told was received', id);
    }
    const open = this.#alerting.incidents
      .list({ status: 'open', hostId: null, limit: 100 })
      .map(({ rule, hostName }) => `${rule} ${String(hostName)}`);
    const twice = open.filter((alert, index) => open.indexOf(alert) !== index);
    this.#must(twice.length === 0, 'one open incident per alert', twice.join());
    for (const name of HOSTS) {
      const isUp = this.#world.hosts.get(name)?.state === 'up';
      this.#must(open.includes(`HostDown ${name}`) === !isUp, 'open is what is wrong', `HostDown ${name}`);
      const disk = this.#disks.get(name);
      if (!isUp || (disk !== 'raised' && disk !== 'cleared')) continue;
      const isRight = open.includes(`DiskFull ${name}`) === (disk === 'raised');
      this.#must(isRight, 'open is what is wrong', `DiskFull ${name} while the disk is ${disk}`);
    }
  }

  async end(): Promise<void> {
    await this.#alerting.stop();
    this.#world.state.close();
  }

  async #trouble(): Promise<void> {
    const random = this.#random;
    const name = random.pick(HOSTS);
    const kind = random.pick(['host', 'host', 'disk', 'disk', 'receiver', 'kill', 'restart', 'wait', 'wait']);
    switch (kind) {
      case 'host':
        this.#world.setHost(name, random.pick(STATES), random.isTrue(0.5) ? 0 : GONE_MS);
        return this.#alerting.nudge();
      case 'disk':
        return this.#setDisk(name, random.pick(DISKS));
      case 'receiver':
        this.#mode = random.pick(MODES);
        return;
      case 'kill':
        return this.#mortal.killAt(
          random.integer(0, 6),
          random.pick(['before commit', 'after commit'] as const),
        );
      case 'restart':
        return this.#restart();
      default:
        return this.#wait(random.pick(WAITS_MS));
    }
  }

  async #restart(): Promise<void> {
    const stopped = this.#alerting.stop();
    await this.#world.clock.advance(3_000);
    await stopped;
    this.#mortal.kill();
  }

  async #wait(ms: number): Promise<void> {
    for (let restMs = ms; restMs > 0; restMs -= PORTION_MS) {
      await this.#world.clock.advance(Math.min(restMs, PORTION_MS));
      if (this.#mortal.isDead) {
        this.#mark('alerting killed');
        [this.#mortal, this.#alerting] = this.#born();
        // What it sees of the world at its start is judged before the world moves on.
        await this.#world.clock.advance(0);
      }
      this.#checkTransitions();
      const nowMs = this.#world.clock.wallMs();
      for (const { name, state, newestDataMs } of this.#world.hosts.values())
        if (newestDataMs !== null && nowMs - newestDataMs < FRESH_MS) this.#world.setHost(name, state);
    }
  }

  #born(): [Mortal, Alerting] {
    this.#lives++;
    const life = mortal(this.#world.state, this.#world.clock);
    const alerting = this.#world.createAlerting(life);
    alerting.start();
    return [life, alerting];
  }

  #setDisk(name: string, state: (typeof DISKS)[number]): void {
    const key = `${name} ${DISK}`;
    const { raise, clear, exists, witness } = this.#world;
    raise.delete(key);
    clear.delete(key);
    if (state === 'raised') raise.set(key, 0.95);
    if (state === 'cleared') clear.set(key, 0.5);
    if (state === 'missing' || state === 'unread') exists.delete(key);
    else exists.add(key);
    if (state === 'unread') witness.delete(name);
    else witness.add(name);
    this.#disks.set(name, state);
  }

  /** What there is to see at the very moment in which the rules look; what comes and goes between two looks, they cannot see. */
  #noteMissing(): void {
    const nowMs = this.#world.clock.wallMs();
    for (const { name, state, newestDataMs } of this.#world.hosts.values()) {
      const isFresh = state === 'up' && nowMs - (newestDataMs ?? 0) <= DATA_AGE_MS_MAX;
      if (!isFresh || this.#disks.get(name) !== 'missing') this.#missingSinceMs.delete(name);
      else if (!this.#missingSinceMs.has(name)) this.#missingSinceMs.set(name, nowMs);
    }
  }

  /** The receiver honours ids: it takes what it has told that it has for a double. */
  #receive(notification: Notification, signal: AbortSignal): SendResult | Promise<SendResult> {
    const { transitionId: id, incidentId, sequence } = notification;
    const highest = this.#highest.get(incidentId) ?? 1;
    this.#must(
      sequence >= highest,
      'order within an incident',
      `${incidentId}: ${sequence} after ${highest}`,
    );
    this.#highest.set(incidentId, sequence);
    const body = JSON.stringify(notification);
    this.#must((this.#bodies.get(id) ?? body) === body, 'a repeat says the same', id);
    this.#bodies.set(id, body);
    // Only a program that died before it could note the answer may ask again.
    this.#must(this.#toldIn.get(id) !== this.#lives, 'nothing is told twice without a doubt', id);
    if (this.#toldIn.has(id)) this.#mark('ambiguous attempt repeated');
    const noted = this.#world.state.connection
      .prepare(
        `SELECT count(*) AS n FROM attempts JOIN outbox ON outbox.id = attempts.outbox_id WHERE transition_id = ?`,
      )
      .get(id)?.['n'];
    this.#must(Number(noted) > 0, 'an attempt is noted before it is made', id);
    switch (this.#mode) {
      case 'delivers':
        this.#toldIn.set(id, this.#lives);
        this.#tookAtMs.add(this.#world.clock.wallMs());
        return DELIVERED;
      case 'fails':
        return FAILED;
      case 'refuses':
        this.#refusedAtMs.add(this.#world.clock.wallMs());
        return REFUSED;
      case 'hangs':
        this.#mark('receiver hung');
        return hang(signal);
      case 'accepts and is cut off':
        this.#mark('accepted, and the answer lost');
        return { kind: 'retry', error: 'connection cut', status: null, retryAfterMs: null, excerpt: null };
      default:
        return this.#mode satisfies never;
    }
  }

  /** New transitions must be backed by the state of the world in this very moment, or by the wait for "gone". */
  #checkTransitions(): void {
    const rows = this.#world.state.connection
      .prepare(
        `SELECT t.id, t.kind, t.at_ms AS at, i.rule, i.host_name AS host, i.end_reason AS reason
         FROM transitions AS t JOIN incidents AS i ON i.id = t.incident_id`,
      )
      .all();
    for (const { id, kind, at, rule, host, reason } of rows) {
      if (this.#seen.has(String(id))) continue;
      this.#seen.add(String(id));
      if (rule === 'NotificationDead') this.#untellable.add(String(id));
      this.#mark(`alert ${String(kind)}`);
      const why = { kind: String(kind), atMs: Number(at), rule: String(rule), host: String(host), reason };
      this.#must(this.#hasEvidence(why), 'no transition without evidence', JSON.stringify(why));
    }
  }

  #hasEvidence(why: {
    readonly kind: string;
    readonly atMs: number;
    readonly rule: string;
    readonly host: string;
    readonly reason: unknown;
  }): boolean {
    const { kind, atMs, rule, host, reason } = why;
    if (rule === 'NotificationDead') return (kind === 'fired' ? this.#refusedAtMs : this.#tookAtMs).has(atMs);
    const { state, newestDataMs } = this.#world.hosts.get(host) ?? {};
    if (rule === 'HostDown') return state === (kind === 'fired' ? 'down' : 'up');
    const nowMs = this.#world.clock.wallMs();
    if (state !== 'up' || nowMs - (newestDataMs ?? 0) > FRESH_MS) return false;
    const disk = this.#disks.get(host);
    if (kind === 'fired') return disk === 'raised';
    if (reason === 'cleared') return disk === 'cleared';
    return atMs - (this.#missingSinceMs.get(host) ?? atMs) >= GONE_MS;
  }

  #must(condition: boolean, check: string, detail: string): void {
    if (!condition) this.violation ??= { check: `alerts: ${check}`, detail };
  }

  #mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }
}
