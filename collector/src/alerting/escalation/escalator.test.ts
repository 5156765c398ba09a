import { describe, expect, it } from 'vitest';
import { thrownCode as code } from '@rollcall/shared/testing/thrown.ts';
import type { IncidentDetail } from '../../api/types.ts';
import { onCallSchema } from '../on-call/config.ts';
import type { Alerting } from '../pipeline.ts';
import { routesSchema } from '../routing/route-config.ts';
import { HOST_DOWN, World } from '../testing/world.ts';

const MINUTE_MS = 60_000;
const RECEIVERS = ['chat', 'anna-mail', 'ben-mail', 'boss'];

const ON_CALL = onCallSchema.parse({
  people: [
    { name: 'anna', receivers: ['anna-mail'] },
    { name: 'ben', receivers: ['ben-mail'] },
  ],
  schedules: [
    {
      name: 'primary',
      timeZone: 'UTC',
      // The clock of the tests begins at the first of January 2026, a Thursday.
      layers: [
        { name: 'days', people: ['anna', 'ben'], shift: 'daily', start: '2026-01-01', handover: '00:00' },
      ],
    },
    {
      name: 'office',
      timeZone: 'UTC',
      layers: [
        {
          name: 'mondays',
          people: ['anna'],
          start: '2026-01-01',
          hours: [{ days: ['mon'], from: '09:00', to: '17:00' }],
        },
      ],
    },
  ],
  policies: [
    {
      name: 'default',
      repeat: 1,
      repeatAfter: '30m',
      steps: [
        { notify: [{ schedule: 'primary' }] },
        { after: '10m', notify: [{ person: 'ben' }, { schedule: 'primary' }] },
        { after: '10m', notify: [{ receiver: 'boss' }] },
      ],
    },
    {
      name: 'nobody',
      steps: [{ notify: [{ schedule: 'office' }] }, { after: '5m', notify: [{ receiver: 'boss' }] }],
    },
  ],
});

function open(options: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World({
    receivers: RECEIVERS,
    onCall: ON_CALL,
    ...options,
    limits: { evaluationIntervalMs: 30_000, ...options.limits },
  });
  const alerting = world.createAlerting();
  alerting.start();
  return { world, alerting };
}

async function down(world: World, alerting: Alerting): Promise<string> {
  world.setHost('web-1', 'down');
  alerting.nudge();
  await world.clock.advance(200);
  const [incident] = alerting.incidents.list({ status: 'open', hostId: null, limit: 1 });
  if (incident === undefined) throw new Error('no incident');
  return incident.id;
}

/** How many messages each receiver got. */
function told(world: World): string {
  return [...world.notifiers].map(([name, { received }]) => `${name} ${received.length}`).join(', ');
}

function detail(alerting: Alerting, id: string): IncidentDetail {
  const incident = alerting.incidents.get(id);
  if (incident === undefined) throw new Error('no incident');
  return incident;
}

function transitions(alerting: Alerting, id: string): readonly string[] {
  return detail(alerting, id).timeline.flatMap((event) =>
    event.kind === 'transition' ? [[event.transition, event.note ?? '', event.person ?? ''].join('|')] : [],
  );
}

describe('escalation', () => {
  it('tells who is on call at once, then a wider circle, and begins again', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    // Receivers that on-call names hear by its steps, all others as ever.
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
    expect(detail(alerting, id).escalation).toMatchObject({ policy: 'default', step: 2 });
    await world.clock.advance(10 * MINUTE_MS - 1_000);
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
    await world.clock.advance(2_000);
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 0');
    await world.clock.advance(10 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 1');
    await world.clock.advance(30 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 3, ben-mail 1, boss 1');
    await world.clock.advance(180 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 4, ben-mail 2, boss 2');
    expect(detail(alerting, id).escalation).toBeNull();
    expect(transitions(alerting, id).slice(0, 3)).toEqual([
      'fired||',
      'escalated|default, step 1: anna (primary)|',
      'escalated|default, step 2: ben, anna (primary)|',
    ]);
    await alerting.stop();
    expect(world.clock.timerCount).toBe(0);
  });

  it('ends with the incident, and everybody who was told hears of it', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    await world.clock.advance(11 * MINUTE_MS);
    world.setHost('web-1', 'up');
    await world.clock.advance(MINUTE_MS);
    expect(told(world)).toBe('chat 2, anna-mail 3, ben-mail 2, boss 0');
    expect(detail(alerting, id).escalation).toBeNull();
    await world.clock.advance(60 * MINUTE_MS);
    expect(told(world)).toBe('chat 2, anna-mail 3, ben-mail 2, boss 0');
    await alerting.stop();
  });

  it('goes on after a restart where it was, and does nothing twice', async () => {
    const { world, alerting } = open();
    await down(world, alerting);
    await alerting.stop();
    await world.clock.advance(15 * MINUTE_MS);
    const again = world.createAlerting();
    again.start();
    await world.clock.advance(1_000);
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 0');
    await world.clock.advance(10 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 1');
    await again.stop();
  });

  it('goes on at once to the next step when nobody is on call', async () => {
    const rule = { ...HOST_DOWN, labels: { escalation: 'nobody' } };
    const { world, alerting } = open({ rules: [rule] });
    const id = await down(world, alerting);
    expect(told(world)).toBe('chat 1, anna-mail 0, ben-mail 0, boss 1');
    expect(transitions(alerting, id)[1]).toBe('escalated|nobody, step 1: nobody is on call in office|');
    expect(world.counters.sum('rollcall_alerting_escalations_total', { outcome: 'nobody' })).toBe(1);
    await alerting.stop();
  });

  it('ends when its policy is no longer configured', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    await alerting.stop();
    const later = new World({ receivers: RECEIVERS, state: world.state });
    later.setHost('web-1', 'down');
    const again = later.createAlerting();
    again.start();
    await later.clock.advance(20 * MINUTE_MS);
    expect(detail(again, id).escalation).toBeNull();
    await again.stop();
  });

  it('does not wait longer than planned when the wall clock steps back', async () => {
    const { world, alerting } = open();
    await down(world, alerting);
    world.clock.stepWall(-24 * 60 * MINUTE_MS);
    await world.clock.advance(MINUTE_MS);
    expect(told(world)).toContain('ben-mail 1');
    await alerting.stop();
  });

  it('leaves incidents alone that do not page', async () => {
    const { world, alerting } = open({ rules: [{ ...HOST_DOWN, severity: 'ticket' }] });
    const id = await down(world, alerting);
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 1, boss 1');
    expect(detail(alerting, id).escalation).toBeNull();
    await alerting.stop();
  });
});

it('waits while a silence covers the incident, and goes on when that is over', async () => {
  const { world, alerting } = open();
  const nowMs = world.clock.wallMs();
  alerting.delivery.silences.create({
    matchers: [{ name: 'instance', operator: '=', value: 'web-1' }],
    startsMs: nowMs,
    endsMs: nowMs + 60 * MINUTE_MS,
    createdBy: 'anna',
    comment: 'moving it',
  });
  const id = await down(world, alerting);
  await world.clock.advance(59 * MINUTE_MS);
  expect(told(world)).toBe('chat 0, anna-mail 0, ben-mail 0, boss 0');
  expect(detail(alerting, id).escalation).toMatchObject({ step: 1 });
  await world.clock.advance(3 * MINUTE_MS);
  expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
  await alerting.stop();
});

it('writes once that pages are held back, however many and however long, and takes their steps when they are not', async () => {
  const COUNT = 45;
  const { world, alerting } = open({ limits: { escalationsPerTurnMax: 20 } });
  const nowMs = world.clock.wallMs();
  alerting.delivery.silences.create({
    matchers: [{ name: 'instance', operator: '=~', value: 'web-.*' }],
    startsMs: nowMs,
    endsMs: nowMs + 30 * MINUTE_MS,
    createdBy: 'anna',
    comment: 'the network is being moved',
  });
  const { connection } = world.state;
  connection.exec(`CREATE TEMP TABLE writes (incident_id TEXT);
    CREATE TEMP TRIGGER counts AFTER UPDATE ON main.escalations BEGIN INSERT INTO writes VALUES (new.incident_id); END`);
  const written = () => connection.prepare('SELECT count(*) AS n FROM writes').get()?.['n'];
  for (let i = 1; i <= COUNT; i++) world.setHost(`web-${i}`, 'down');
  alerting.nudge();
  await world.clock.advance(10 * MINUTE_MS);
  expect(written()).toBe(COUNT);
  // One that pages meanwhile does not wait for them, and one that was acknowledged is not held any more.
  world.setHost('db-1', 'down');
  alerting.nudge();
  await world.clock.advance(200);
  const outcomes = () =>
    ['held', 'told'].map((outcome) => world.counters.sum('rollcall_alerting_escalations_total', { outcome }));
  expect(outcomes()).toEqual([COUNT, 1]);
  const open1 = alerting.incidents.list({ status: 'open', hostId: null, limit: 1_000 });
  const idOf = (title: string) => open1.find((incident) => incident.title === title)?.id ?? '';
  expect(detail(alerting, idOf('web-7 is down')).escalation).toMatchObject({ step: 1, dueMs: null });
  alerting.actions.acknowledge(idOf('web-7 is down'), { by: 'anna', untilMs: null });
  alerting.actions.acknowledge(idOf('db-1 is down'), { by: 'anna', untilMs: null });
  await alerting.stop();
  const again = world.createAlerting();
  again.start();
  await world.clock.advance(19 * MINUTE_MS);
  expect([written(), ...outcomes()]).toEqual([COUNT + 3, COUNT, 1]);
  await world.clock.advance(3 * MINUTE_MS);
  expect(outcomes()).toEqual([COUNT, COUNT]);
  await again.stop();
  expect(world.clock.timerCount).toBe(0);
});

it('takes as many steps in one turn as it may, also when all are held back, and goes on after a pause', async () => {
  const { world, alerting } = open({ limits: { escalationsPerTurnMax: 20 } });
  for (let i = 1; i <= 45; i++) world.setHost(`web-${i}`, 'down');
  alerting.nudge();
  await world.clock.advance(1_000);
  const outcome = (name: string) =>
    world.counters.sum('rollcall_alerting_escalations_total', { outcome: name });
  expect([outcome('told'), outcome('held')]).toEqual([45, 0]);
  await alerting.stop();
  const nowMs = world.clock.wallMs();
  alerting.delivery.silences.create({
    matchers: [{ name: 'instance', operator: '=~', value: 'web-.*' }],
    startsMs: nowMs,
    endsMs: nowMs + 60 * MINUTE_MS,
    createdBy: 'anna',
    comment: 'the network is being moved',
  });
  await world.clock.advance(10 * MINUTE_MS);
  const again = world.createAlerting();
  again.start();
  expect(outcome('held')).toBe(20);
  await world.clock.advance(100);
  expect([outcome('told'), outcome('held')]).toEqual([45, 45]);
  await again.stop();
});

it('lets a route name a receiver of people on call', async () => {
  const routes = routesSchema.parse([{ name: 'all', receivers: ['boss'] }]);
  const { world, alerting } = open({ settings: { routes } });
  await down(world, alerting);
  expect(told(world)).toBe('chat 0, anna-mail 1, ben-mail 0, boss 1');
  await alerting.stop();
});

describe('an acknowledgement', () => {
  it('stops the escalation, also over a restart, until it is taken back', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    alerting.actions.acknowledge(id, { by: 'anna', untilMs: null, note: 'looking' });
    expect(detail(alerting, id).acknowledgement).toMatchObject({ by: 'anna', untilMs: null });
    await world.clock.advance(60 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
    await alerting.stop();
    const again = world.createAlerting();
    again.start();
    await world.clock.advance(60 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
    again.actions.unacknowledge(id, 'anna');
    await world.clock.advance(100);
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 0');
    expect(again.actions.unacknowledge(id, 'anna')).toBeNull();
    expect(transitions(again, id).slice(2, 4)).toEqual(['acknowledged|looking|anna', 'unacknowledged||anna']);
    await again.stop();
  });

  it('lasts until its end and no longer', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    alerting.actions.acknowledge(id, { by: 'anna', untilMs: world.clock.wallMs() + 120 * MINUTE_MS });
    await world.clock.advance(119 * MINUTE_MS);
    expect(told(world)).toBe('chat 1, anna-mail 1, ben-mail 0, boss 0');
    await world.clock.advance(2 * MINUTE_MS);
    expect(detail(alerting, id).acknowledgement).toBeNull();
    expect(told(world)).toBe('chat 1, anna-mail 2, ben-mail 1, boss 0');
    expect(transitions(alerting, id)).toContain('unacknowledged|the time of the acknowledgement is over|');
    await alerting.stop();
  });
});

describe('what people do', () => {
  it('closes an incident for as long as the condition goes on, and tells those who knew', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    alerting.actions.close(id, { by: 'anna', reason: 'being rebuilt' });
    await world.clock.advance(30 * MINUTE_MS);
    expect(told(world)).toBe('chat 2, anna-mail 2, ben-mail 0, boss 0');
    expect(detail(alerting, id)).toMatchObject({ status: 'resolved', endReason: 'being rebuilt' });
    expect(alerting.incidents.list({ status: 'open', hostId: null, limit: 5 })).toEqual([]);
    // The condition ends, and holds again: that is another incident.
    world.setHost('web-1', 'up');
    await world.clock.advance(MINUTE_MS);
    expect(told(world)).toBe('chat 2, anna-mail 2, ben-mail 0, boss 0');
    const next = await down(world, alerting);
    expect(detail(alerting, next).previous).toBe(id);
    await alerting.stop();
  });

  it('says what cannot be done', async () => {
    const { world, alerting } = open({ limits: { personTransitionsPerIncidentMax: 3 } });
    const id = await down(world, alerting);
    const { actions } = alerting;
    const nowMs = world.clock.wallMs();
    expect(code(() => actions.comment('i-none', { by: 'anna', text: 'x' }))).toBe('NOT_FOUND');
    expect(code(() => actions.comment(id, { by: 'anna', text: ' \u0000\n ' }))).toBe('BAD_REQUEST');
    expect(code(() => actions.comment(id, { by: '', text: 'x' }))).toBe('BAD_REQUEST');
    expect(code(() => actions.comment(id, { by: 'anna', text: 'x'.repeat(4001) }))).toBe('BAD_REQUEST');
    expect(code(() => actions.acknowledge(id, { by: 'anna', untilMs: nowMs }))).toBe('BAD_REQUEST');
    expect(code(() => actions.acknowledge(id, { by: 'anna', untilMs: Number.NaN }))).toBe('BAD_REQUEST');
    expect(code(() => actions.acknowledge(id, { by: 'anna', untilMs: nowMs + 31 * 86_400_000 }))).toBe(
      'BAD_REQUEST',
    );
    actions.comment(id, { by: 'an\u202ena', text: 'one\r\n\u0007two' });
    expect(transitions(alerting, id).at(-1)).toBe('commented|one\ntwo|anna');
    actions.acknowledge(id, { by: 'anna', untilMs: null });
    actions.comment(id, { by: 'anna', text: 'x' });
    expect(code(() => actions.comment(id, { by: 'anna', text: 'x' }))).toBe('LIMIT_EXCEEDED');
    // Closing is possible in spite of that, and once.
    actions.close(id, { by: 'anna', reason: 'done' });
    expect(code(() => actions.close(id, { by: 'anna', reason: 'done' }))).toBe('INCIDENT_ENDED');
    expect(code(() => actions.acknowledge(id, { by: 'anna', untilMs: null }))).toBe('INCIDENT_ENDED');
    await alerting.stop();
  });

  it('keeps a closed incident while its rule still watches it, and prunes it afterwards', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    alerting.actions.close(id, { by: 'anna', reason: 'done' });
    world.clock.stepWall(100 * 86_400_000);
    expect(alerting.prune()).toBe(0);
    world.setHost('web-1', 'up');
    await world.clock.advance(MINUTE_MS);
    expect(alerting.prune()).toBe(1);
    expect(alerting.incidents.get(id)).toBeUndefined();
    await alerting.stop();
  });

  it('shows the way of each notification in the timeline', async () => {
    const { world, alerting } = open();
    const id = await down(world, alerting);
    const notifications = detail(alerting, id).timeline.filter(({ kind }) => kind === 'notification');
    expect(notifications).toMatchObject([
      {
        receiver: 'chat',
        transition: 'fired',
        status: 'delivered',
        attempts: [{ number: 1, outcome: 'delivered' }],
      },
      { receiver: 'anna-mail', transition: 'escalated', status: 'delivered' },
    ]);
    await alerting.stop();
  });
});
