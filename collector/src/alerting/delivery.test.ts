/** From a host that goes down to bytes on a socket: pipeline, webhook and transport together. */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createPost } from './notify/post.ts';
import { createReceivers, receiverConfigSchema } from './notify/list.ts';
import { createTargetGuard } from './notify/target.ts';
import { createAlerting, type Alerting } from './pipeline.ts';
import { closeReceivers, hostile, reply, until, type HostileReceiver } from './testing/hostile-receiver.ts';
import { World } from './testing/world.ts';

afterEach(closeReceivers);

function start(world: World, receiver: HostileReceiver, path: string): Alerting {
  const { clock } = world;
  const guard = createTargetGuard({ allowedRanges: ['127.0.0.0/8'], allowedPorts: [receiver.port] });
  const url = `http://127.0.0.1:${receiver.port}${path}`;
  const alerting = createAlerting({
    state: world.state,
    clock,
    random: () => 0.5,
    log: world.log,
    hosts: world.hostsPort,
    evaluate: async () => [],
    receivers: createReceivers([receiverConfigSchema.parse({ kind: 'webhook', name: 'ops', url })], {
      mail: () => Promise.reject(new Error('no mail')),
      post: createPost({ clock, guard }),
      clock,
      externalUrl: 'http://127.0.0.1:7655',
    }),
    counters: world.counters,
  });
  alerting.start();
  return alerting;
}

/** The values of a header in all requests. */
function headers(receiver: HostileReceiver, name: string): readonly string[] {
  return receiver.requests.map((text) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(text)?.[1] ?? '');
}

function status(alerting: Alerting): string {
  const incidents = alerting.incidents.list({ status: 'all', hostId: null, limit: 10 });
  const incident = incidents.find(({ rule }) => rule === 'HostDown');
  return incident?.deliveries.map((d) => `${d.transition} ${d.status}`).join(', ') ?? '';
}

describe('delivery', () => {
  it('gets through a hostile receiver in the end, with one id for all attempts', async () => {
    const answers: readonly ((socket: Socket) => void)[] = [
      (socket) => void socket.resetAndDestroy(),
      reply('500 Oops', 'key=hunter2 is wrong'),
      reply('429 Slow down\r\nRetry-After: 60'),
      () => {},
      reply('204 No Content'),
      reply('200 OK', 'ok'),
    ];
    const receiver = await hostile((socket, index) => answers[index]?.(socket));
    const world = new World();
    world.setHost('web-1', 'down');
    const alerting = start(world, receiver, '/hook?key=hunter2');
    let count = 0;
    const next = async (waitMs: number): Promise<void> => {
      await world.clock.advance(waitMs);
      count += 1;
      await until(() => (receiver.requests[count - 1] ?? '').endsWith('}'));
    };
    const settled = (errors: number) =>
      until(() => world.counters.sum('rollcall_alerting_attempts_total') === errors);
    await next(0);
    await settled(1);
    await next(1);
    await settled(2);
    await next(2_000);
    await settled(3);
    await world.clock.advance(59_000);
    expect(receiver.requests).toHaveLength(3);
    await next(2_000);
    // Nothing is answered until the attempt gives up by itself.
    await world.clock.advance(15_000);
    await settled(4);
    world.setHost('web-1', 'up');
    // Real bytes take no time on this clock, so it must not run past the deadline of a request under way.
    await next(15_000);
    await next(0);
    await settled(6);
    expect(status(alerting)).toBe('fired delivered, resolved delivered');
    const ids = headers(receiver, 'webhook-id');
    expect(new Set(ids.slice(0, 5)).size).toBe(1);
    expect(ids[5]).not.toBe(ids[4]);
    expect(headers(receiver, 'idempotency-key')).toEqual(ids);
    expect(headers(receiver, 'x-rollcall-sequence')).toEqual(['1', '1', '1', '1', '1', '2']);
    await alerting.stop();

    const attempts = world.state.connection.prepare('SELECT * FROM attempts').all();
    const everything = JSON.stringify([world.log.lines, attempts]);
    expect(everything).toContain('the receiver answered 500');
    expect(everything).not.toContain('hunter2');
    expect(world.clock.timerCount).toBe(0);
  });

  it('does not follow a redirect, and gives up', async () => {
    const receiver = await hostile(reply('302 Found\r\nLocation: http://127.0.0.1/'));
    const world = new World();
    world.setHost('web-1', 'down');
    const alerting = start(world, receiver, '/');
    await until(() => status(alerting) === 'fired dead');
    expect(receiver.requests).toHaveLength(1);
    await alerting.stop();
  });
});
