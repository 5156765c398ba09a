import { describe, expect, it } from 'vitest';
import type { SendResult } from '../notify/notifier.ts';
import type { Alerting } from '../pipeline.ts';
import { DELIVERED, FAILED, REFUSED, hang, World, type FakeNotifier } from '../testing/world.ts';

const DAY_MS = 86_400_000;

async function start(world: World, hosts: readonly string[] = ['a']): Promise<Alerting> {
  const alerting = world.createAlerting();
  for (const name of hosts) world.setHost(name, 'down');
  alerting.start();
  await world.clock.advance(1);
  return alerting;
}

/** `transition status attempts` of all deliveries, in order of incident. */
function deliveries(alerting: Alerting): readonly string[] {
  const incidents = [...alerting.incidents.list({ status: 'all', hostId: null, limit: 1000 })].reverse();
  return incidents.flatMap((incident) =>
    incident.deliveries.map((d) => `${incident.hostName} ${d.transition} ${d.status} ${d.attempts}`),
  );
}

/** Notes at which times, in milliseconds from now, the notifier is called. */
function recordTimes(world: World, notifier: FakeNotifier, result: SendResult): readonly number[] {
  const startMs = world.clock.wallMs();
  const timesMs: number[] = [];
  notifier.answer = () => {
    timesMs.push(world.clock.wallMs() - startMs);
    return result;
  };
  return timesMs;
}

describe('OutboxWorker', () => {
  it('repeats on the schedule, with the same id, until it succeeds', async () => {
    // Without a breaker the plain schedule shows; random is 0.5, hence no jitter.
    const world = new World({ limits: { breakerFailures: 1_000 } });
    const timesMs = recordTimes(world, world.hook, FAILED);
    const alerting = await start(world);
    await world.clock.advance(1_200_000);
    expect(timesMs).toEqual([0, 0, 2, 7, 22, 52, 112, 232, 532, 832, 1132].map((s) => s * 1000));
    world.hook.answer = () => DELIVERED;
    await world.clock.advance(300_000);
    expect(deliveries(alerting)).toEqual(['a fired delivered 12']);
    expect(new Set(world.hook.received.map(({ transitionId }) => transitionId)).size).toBe(1);
    expect(new Set(world.hook.received.map((n) => JSON.stringify(n))).size).toBe(1);
    const failures = world.log.lines.filter(({ message }) => message === 'receiver fails');
    expect(failures).toHaveLength(1);
    expect(world.log.lines.some(({ message }) => message === 'receiver works again')).toBe(true);
    await alerting.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('never lets resolved pass fired, and delivers both', async () => {
    const world = new World();
    world.hook.answer = () => FAILED;
    const alerting = await start(world);
    world.setHost('a', 'up');
    await world.clock.advance(60_000);
    expect(deliveries(alerting)[1]).toBe('a resolved queued 0');
    world.hook.answer = () => DELIVERED;
    await world.clock.advance(600_000);
    expect(world.hook.texts.slice(-2)).toEqual(['fired a is down', 'resolved a is down']);
    expect(world.hook.received.filter(({ kind }) => kind === 'resolved')).toHaveLength(1);
    await alerting.stop();
  });

  it('sends resolved also when fired was refused', async () => {
    const world = new World();
    world.hook.answer = ({ kind }) => (kind === 'fired' ? REFUSED : DELIVERED);
    const alerting = await start(world);
    world.setHost('a', 'up');
    await world.clock.advance(10_000);
    expect(deliveries(alerting)).toEqual(['a fired dead 1', 'a resolved delivered 1']);
    await alerting.stop();
  });

  it('makes a refused notification a dead letter at once, logged as an error and counted', async () => {
    const world = new World();
    world.hook.answer = () => REFUSED;
    const alerting = await start(world);
    await world.clock.advance(600_000);
    expect(deliveries(alerting)).toEqual(['a fired dead 1']);
    const [line] = world.log.lines.filter(({ level }) => level === 'error');
    expect(line).toMatchObject({
      message: 'notification given up',
      fields: { receiver: 'hook', attempts: 1, error: 'the receiver answered 400' },
    });
    expect(world.counters.sum('rollcall_alerting_notifications_total', { status: 'dead' })).toBe(1);
    await alerting.stop();
  });

  it('gives up after a day', async () => {
    const world = new World({ limits: { evaluationIntervalMs: DAY_MS } });
    world.hook.answer = () => FAILED;
    const alerting = await start(world);
    await world.clock.advance(DAY_MS - 1_000);
    expect(deliveries(alerting)[0]).toMatch(/^a fired waiting /);
    await world.clock.advance(400_000);
    expect(deliveries(alerting)[0]).toMatch(/^a fired dead /);
    await alerting.stop();
  });

  it('honours Retry-After, for all of the receiver, up to its limit', async () => {
    const world = new World();
    const pausing = (retryAfterMs: number): SendResult => ({
      kind: 'retry',
      error: 'the receiver answered 429',
      status: 429,
      retryAfterMs,
      excerpt: null,
    });
    world.hook.answer = () => pausing(60_000);
    const alerting = await start(world);
    expect(world.hook.received).toHaveLength(1);
    world.setHost('b', 'down');
    await world.clock.advance(59_000);
    expect(world.hook.received).toHaveLength(1);
    world.hook.answer = () => pausing(DAY_MS);
    await world.clock.advance(2_000);
    const count = world.hook.received.length;
    expect(count).toBeGreaterThan(1);
    world.hook.answer = () => DELIVERED;
    await world.clock.advance(890_000);
    expect(world.hook.received).toHaveLength(count);
    await world.clock.advance(20_000);
    expect(deliveries(alerting).every((text) => text.includes('delivered'))).toBe(true);
    await alerting.stop();
  });

  it('has at most four requests under way at one receiver, and does not let one receiver block another', async () => {
    const world = new World({ receivers: ['slow', 'fast'] });
    const slow = world.notifiers.get('slow');
    const fast = world.notifiers.get('fast');
    if (slow === undefined || fast === undefined) throw new Error('no receivers');
    slow.answer = (_notification, signal) => hang(signal);
    const alerting = await start(world, ['a', 'b', 'c', 'd', 'e', 'f']);
    expect(slow.received).toHaveLength(4);
    expect(fast.received).toHaveLength(6);
    await world.clock.advance(19_000);
    expect(slow.received).toHaveLength(4);
    slow.answer = () => DELIVERED;
    await world.clock.advance(30_000);
    expect(world.outboxCounts()).toEqual({ delivered: 12 });
    await alerting.stop();
  });

  it('sends one probe at a time to a receiver that fails, and spares the others their attempts', async () => {
    const world = new World({ limits: { evaluationIntervalMs: DAY_MS } });
    const timesMs = recordTimes(world, world.hook, FAILED);
    const hosts = Array.from({ length: 30 }, (_, i) => `host-${i}`);
    const alerting = await start(world, hosts);
    await world.clock.advance(3_600_000);
    // Four at once, a few more until the breaker has seen enough, then one for each wait of the schedule.
    expect(timesMs.length).toBeLessThan(30);
    const lateMs = timesMs.filter((ms) => ms > 600_000);
    for (let i = 1; i < lateMs.length; i++) {
      expect((lateMs[i] ?? 0) - (lateMs[i - 1] ?? 0)).toBeGreaterThanOrEqual(300_000);
    }
    expect(deliveries(alerting).filter((text) => text.endsWith('queued 0')).length).toBeGreaterThan(10);
    expect(world.counters.sum('rollcall_alerting_breaker_opened_total')).toBe(1);
    world.hook.answer = () => DELIVERED;
    await world.clock.advance(600_000);
    expect(world.outboxCounts()).toEqual({ delivered: 30 });
    expect(alerting.stats()).toMatchObject({
      unsent: { queued: 0, waiting: 0, sending: 0 },
      oldestUnsentMs: null,
    });
    await alerting.stop();
  });

  it('gives up also what never had its turn', async () => {
    const world = new World({ limits: { evaluationIntervalMs: DAY_MS, stormPerMinuteMax: 1_000 } });
    world.hook.answer = () => FAILED;
    const hosts = Array.from({ length: 500 }, (_, i) => `host-${i}`);
    const alerting = await start(world, hosts);
    await world.clock.advance(DAY_MS + 600_000);
    expect(world.outboxCounts()).toEqual({ dead: 500 });
    await alerting.stop();
  });

  it('gives up everything of a receiver that answers 410, until the next start', async () => {
    const world = new World();
    world.hook.answer = () => ({ ...REFUSED, error: 'the receiver answered 410', isReceiverGone: true });
    const alerting = await start(world, ['a', 'b', 'c', 'd', 'e', 'f']);
    await world.clock.advance(1);
    expect(world.outboxCounts()).toEqual({ dead: 6 });
    const count = world.hook.received.length;
    world.setHost('g', 'down');
    await world.clock.advance(60_000);
    expect(world.hook.received).toHaveLength(count);
    expect(world.outboxCounts()).toEqual({ dead: 7 });
    await alerting.stop();

    world.hook.answer = () => DELIVERED;
    world.setHost('h', 'down');
    const again = world.createAlerting();
    again.start();
    await world.clock.advance(10_000);
    expect(world.outboxCounts()).toEqual({ dead: 7, delivered: 1 });
    await again.stop();
  });

  it('repeats an attempt that a crash cut off with the same id, and marks the first one ambiguous', async () => {
    const world = new World();
    world.hook.answer = () => new Promise(() => {});
    // Never stopped: this is what kill -9 leaves behind.
    await start(world);
    expect(world.outboxCounts()).toEqual({ sending: 1 });

    world.hook.answer = () => DELIVERED;
    const again = world.createAlerting();
    again.start();
    await world.clock.advance(1);
    expect(deliveries(again)).toEqual(['a fired delivered 2']);
    const [first, second] = world.hook.received;
    expect(first).toEqual(second);
    const attempts = world.state.connection.prepare('SELECT number, outcome FROM attempts').all();
    expect(attempts.map((row) => `${String(row['number'])} ${String(row['outcome'])}`)).toEqual([
      '1 ambiguous',
      '2 delivered',
    ]);
    expect(world.counters.sum('rollcall_alerting_attempts_total', { outcome: 'ambiguous' })).toBe(1);
    await again.stop();
  });

  it('notes an attempt before anything leaves the program', async () => {
    const world = new World();
    const seen: unknown[] = [];
    world.hook.answer = () => {
      const row = world.state.connection
        .prepare(
          'SELECT a.number, a.outcome, o.status FROM attempts AS a JOIN outbox AS o ON o.id = a.outbox_id',
        )
        .get();
      seen.push({ ...row });
      return DELIVERED;
    };
    const alerting = await start(world);
    expect(seen).toEqual([{ number: 1, outcome: null, status: 'sending' }]);
    await alerting.stop();
  });

  it('sends nothing while the attempt cannot be noted, and everything afterwards', async () => {
    const world = new World();
    world.state.connection.exec(`
      CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
    const alerting = await start(world);
    await world.clock.advance(60_000);
    expect(world.hook.received).toHaveLength(0);
    expect(world.counters.sum('rollcall_alerting_internal_errors_total')).toBeGreaterThan(0);
    world.state.connection.exec('DROP TRIGGER full');
    await world.clock.advance(60_000);
    expect(deliveries(alerting)).toEqual(['a fired delivered 1']);
    await alerting.stop();
  });

  it('repeats with pauses when only the result cannot be noted', async () => {
    const world = new World();
    world.state.connection.exec(`
      CREATE TRIGGER full BEFORE UPDATE OF latency_ms ON attempts BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
    const alerting = await start(world);
    await world.clock.advance(60_000);
    expect(world.hook.received.length).toBeLessThan(8);
    world.state.connection.exec('DROP TRIGGER full');
    await world.clock.advance(600_000);
    expect(deliveries(alerting)[0]).toMatch(/^a fired delivered /);
    expect(new Set(world.hook.received.map(({ transitionId }) => transitionId)).size).toBe(1);
    await alerting.stop();
  });

  it('waits a moment for requests under way when it stops, then cuts them off', async () => {
    const world = new World();
    let finish: (result: SendResult) => void = () => {};
    world.hook.answer = ({ snapshot }, signal) =>
      snapshot.hostName === 'a' ? new Promise((resolve) => (finish = resolve)) : hang(signal);
    const alerting = await start(world, ['a', 'b']);
    const stopped = alerting.stop();
    await world.clock.advance(1_000);
    finish(DELIVERED);
    await world.clock.advance(3_000);
    await stopped;
    expect(deliveries(alerting)).toEqual(['a fired delivered 1', 'b fired sending 1']);
    expect(world.clock.timerCount).toBe(0);
  });

  it('does not wait for ever when the wall clock steps back', async () => {
    const world = new World();
    world.hook.answer = () => FAILED;
    const alerting = await start(world);
    world.hook.answer = () => DELIVERED;
    world.clock.stepWall(-10 * DAY_MS);
    await world.clock.advance(60_000);
    expect(deliveries(alerting)[0]).toMatch(/^a fired delivered /);
    await alerting.stop();
  });

  it('gives up rows of a receiver that is no longer configured', async () => {
    const world = new World({ receivers: ['old'] });
    world.hook.answer = () => new Promise(() => {});
    await start(world, ['a', 'b', 'c', 'd', 'e']);
    const other = new World({ receivers: ['new'], state: world.state });
    const alerting = other.createAlerting();
    alerting.start();
    await other.clock.advance(1);
    expect(world.outboxCounts()).toEqual({ dead: 5 });
    expect(other.log.lines.find(({ level }) => level === 'error')?.fields['error']).toBe(
      'the receiver is no longer configured',
    );
    await alerting.stop();
  });

  it('treats a notifier that throws like one that fails', async () => {
    const world = new World();
    world.hook.answer = () => {
      throw new Error('bug');
    };
    const alerting = await start(world);
    expect(deliveries(alerting)[0]).toMatch(/^a fired waiting /);
    world.hook.answer = () => DELIVERED;
    await world.clock.advance(60_000);
    expect(deliveries(alerting)[0]).toMatch(/^a fired delivered /);
    await alerting.stop();
  });
});
