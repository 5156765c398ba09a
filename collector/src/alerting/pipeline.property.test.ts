/**
 * Random lives of the pipeline: hosts come and go, receivers fail, the program is killed between any two writes.
 * What must hold is checked after every step, and the end once everything is healed.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { HostState } from '../api/types.ts';
import type { Notification } from './notify/notifier.ts';
import type { Alerting } from './pipeline.ts';
import { mortal, type Mortal } from './testing/mortal.ts';
import { DELIVERED, FAILED, REFUSED, World } from './testing/world.ts';

const HOSTS = ['a', 'b', 'c'] as const;
const DISK = '/';

type DiskState = 'raised' | 'between' | 'cleared' | 'missing' | 'unread';
type Mode = 'delivers' | 'fails' | 'refuses' | 'hangs';

type Step =
  | { readonly kind: 'host'; readonly name: string; readonly state: HostState; readonly isFresh: boolean }
  | { readonly kind: 'disk'; readonly name: string; readonly state: DiskState }
  | { readonly kind: 'receiver'; readonly mode: Mode }
  | { readonly kind: 'kill'; readonly after: number; readonly moment: 'before commit' | 'after commit' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'wait'; readonly ms: number };

const host = fc.constantFrom(...HOSTS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('host' as const),
      name: host,
      state: fc.constantFrom('up', 'up', 'down', 'down', 'suspect', 'unknown', 'planned'),
      isFresh: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('disk' as const),
      name: host,
      state: fc.constantFrom('raised', 'between', 'cleared', 'missing', 'unread'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('receiver' as const),
      mode: fc.constantFrom('delivers', 'fails', 'fails', 'refuses', 'hangs'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('kill' as const),
      after: fc.nat(4),
      moment: fc.constantFrom('before commit', 'after commit'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 200, 5_000, 30_000, 400_000),
    }),
  },
);

const transitionRow = z.object({
  id: z.string(),
  incident_id: z.string(),
  sequence: z.number(),
  kind: z.string(),
  rule: z.string(),
  host_name: z.string(),
  end_reason: z.string().nullable(),
});
const outboxRow = z.object({ transition_id: z.string(), status: z.string(), attempts: z.number() });

class Life {
  readonly world = new World({ limits: { evaluationIntervalMs: 5_000, firesPerHourMax: 1_000 } });
  readonly disks = new Map<string, DiskState>();
  /** Since when, at the earliest, a disk is missing without interruption; by host. */
  readonly missingSinceMs = new Map<string, number>();
  readonly delivered = new Set<string>();
  readonly seenTransitions = new Set<string>();
  readonly violations: string[] = [];
  mode: Mode = 'delivers';
  #mortal: Mortal;
  #alerting: Alerting;

  constructor() {
    this.world.hook.answer = (notification, signal) => this.#answer(notification, signal);
    for (const name of HOSTS) {
      this.world.setHost(name, 'up');
      this.setDisk(name, 'cleared');
    }
    [this.#mortal, this.#alerting] = this.#born();
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'host':
        this.world.setHost(step.name, step.state, step.isFresh ? 0 : 300_000);
        this.#restartMissing(step.name);
        this.#alerting.nudge();
        break;
      case 'disk':
        this.setDisk(step.name, step.state);
        break;
      case 'receiver':
        this.mode = step.mode;
        break;
      case 'kill':
        this.#mortal.killAt(step.after, step.moment);
        break;
      case 'restart': {
        const stopped = this.#alerting.stop();
        await this.world.clock.advance(3_000);
        await stopped;
        this.#mortal.kill();
        break;
      }
      case 'wait':
        await this.wait(step.ms);
        break;
      default:
        step satisfies never;
    }
    await this.wait(1);
  }

  /** Lets time pass in portions, so that data of hosts with fresh data stay fresh and the dead rise again. */
  async wait(ms: number): Promise<void> {
    let restMs = ms;
    while (restMs > 0) {
      const portionMs = Math.min(restMs, 60_000);
      restMs -= portionMs;
      await this.world.clock.advance(portionMs);
      if (this.#mortal.isDead) {
        [this.#mortal, this.#alerting] = this.#born();
        // What it sees of the world at its start is judged before the world moves on.
        await this.world.clock.advance(0);
      }
      this.check();
      const nowMs = this.world.clock.wallMs();
      for (const { name, state, newestDataMs } of this.world.hosts.values()) {
        if (newestDataMs !== null && nowMs - newestDataMs < 200_000) this.world.setHost(name, state);
      }
    }
  }

  setDisk(name: string, state: DiskState): void {
    const key = `${name} ${DISK}`;
    const { raise, clear, exists, witness } = this.world;
    raise.delete(key);
    clear.delete(key);
    if (state === 'raised') raise.set(key, 0.95);
    if (state === 'cleared') clear.set(key, 0.5);
    if (state === 'missing' || state === 'unread') exists.delete(key);
    else exists.add(key);
    if (state === 'unread') witness.delete(name);
    else witness.add(name);
    this.disks.set(name, state);
    this.#restartMissing(name);
  }

  /** What must hold at any moment. */
  check(): void {
    this.#checkTransitions();
    const doubled = this.world.state.connection
      .prepare(`SELECT 1 FROM incidents WHERE status = 'open' GROUP BY instance_key HAVING count(*) > 1`)
      .all();
    this.#must(doubled.length === 0, 'an instance has two open incidents');
    const highest = new Map<string, number>();
    const bodies = new Map<string, string>();
    for (const notification of this.world.hook.received) {
      const { incidentId, sequence, transitionId } = notification;
      this.#must(sequence >= (highest.get(incidentId) ?? 1), `out of order: ${incidentId}`);
      highest.set(incidentId, sequence);
      const body = JSON.stringify(notification);
      this.#must((bodies.get(transitionId) ?? body) === body, `a repeat differs: ${transitionId}`);
      bodies.set(transitionId, body);
    }
  }

  async heal(): Promise<void> {
    this.mode = 'delivers';
    this.#mortal.killAt(Number.POSITIVE_INFINITY, 'before commit');
    for (const name of HOSTS)
      if (this.world.hosts.get(name)?.state !== 'down') this.world.setHost(name, 'up');
    await this.wait(1_800_000);
  }

  /** What must hold once all is well. */
  checkEnd(): void {
    const rows = this.world.state.connection
      .prepare('SELECT transition_id, status, attempts FROM outbox')
      .all()
      .map((row) => outboxRow.parse(row));
    const rowsOf = Map.groupBy(rows, (row) => row.transition_id);
    for (const id of this.seenTransitions) this.#must(rowsOf.get(id)?.length === 1, `not one row: ${id}`);
    for (const { transition_id: id, status, attempts } of rows) {
      const isUntried = status === 'superseded' && attempts === 0;
      this.#must(status === 'delivered' || status === 'dead' || isUntried, `${id} ends as ${status}`);
      this.#must(status !== 'delivered' || this.delivered.has(id), `${id} was never accepted`);
      const received = this.world.hook.received.filter(({ transitionId }) => transitionId === id);
      this.#must(received.length <= attempts, `${id} was sent more often than noted`);
    }
    const open = this.#alerting.incidents
      .list({ status: 'open', hostId: null, limit: 100 })
      .map(({ rule, hostName }) => `${rule} ${String(hostName)}`);
    for (const name of HOSTS) {
      const isUp = this.world.hosts.get(name)?.state === 'up';
      this.#must(open.includes(`HostDown ${name}`) === !isUp, `HostDown of ${name} is wrong`);
      const disk = this.disks.get(name);
      if (!isUp || (disk !== 'raised' && disk !== 'cleared')) continue;
      this.#must(open.includes(`DiskFull ${name}`) === (disk === 'raised'), `DiskFull of ${name} is wrong`);
    }
  }

  async end(): Promise<void> {
    await this.#alerting.stop();
    this.world.state.close();
  }

  /** The wait for "gone" begins now, or does not run. */
  #restartMissing(name: string): void {
    if (this.disks.get(name) === 'missing') this.missingSinceMs.set(name, this.world.clock.wallMs());
    else this.missingSinceMs.delete(name);
  }

  /** New transitions must be backed by the state of the world in this very moment, or by the wait for "gone". */
  #checkTransitions(): void {
    const { connection } = this.world.state;
    const rows = connection
      .prepare(
        `SELECT t.id, t.incident_id, t.sequence, t.kind, i.rule, i.host_name, i.end_reason
         FROM transitions AS t JOIN incidents AS i ON i.id = t.incident_id`,
      )
      .all();
    for (const raw of rows) {
      const row = transitionRow.parse(raw);
      if (this.seenTransitions.has(row.id)) continue;
      this.seenTransitions.add(row.id);
      this.#must(this.#hasEvidence(row), `no evidence: ${row.kind} ${row.rule} ${row.host_name}`);
    }
  }

  #hasEvidence({ rule, kind, host_name: name, end_reason: reason }: z.infer<typeof transitionRow>): boolean {
    const { state, newestDataMs } = this.world.hosts.get(name) ?? {};
    if (rule === 'HostDown') return state === (kind === 'fired' ? 'down' : 'up');
    const nowMs = this.world.clock.wallMs();
    // Two minutes, and the longest portion that time moves in.
    if (state !== 'up' || nowMs - (newestDataMs ?? 0) > 180_000) return false;
    const disk = this.disks.get(name);
    if (kind === 'fired') return disk === 'raised';
    if (reason === 'cleared') return disk === 'cleared';
    return nowMs - (this.missingSinceMs.get(name) ?? nowMs) >= 300_000;
  }

  #must(condition: boolean, violation: string): void {
    if (!condition) this.violations.push(violation);
  }

  #born(): [Mortal, Alerting] {
    const life = mortal(this.world.state, this.world.clock);
    const alerting = this.world.createAlerting(life);
    alerting.start();
    return [life, alerting];
  }

  #answer({ transitionId }: Notification, signal: AbortSignal) {
    switch (this.mode) {
      case 'delivers':
        this.delivered.add(transitionId);
        return DELIVERED;
      case 'fails':
        return FAILED;
      case 'refuses':
        return REFUSED;
      case 'hangs':
        return new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        });
      default:
        return this.mode satisfies never;
    }
  }
}

describe('the pipeline, whatever happens', () => {
  it('loses no transition, keeps the order and the ids, and ends nothing without evidence', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const life = new Life();
        for (const step of steps) await life.run(step);
        await life.heal();
        life.checkEnd();
        await life.end();
        expect(life.violations).toEqual([]);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});
