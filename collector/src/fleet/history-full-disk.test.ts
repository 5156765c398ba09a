/** A look at the availability of all hosts while the database takes no writes and many transitions wait. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import type { Database } from '../state/database.ts';
import { openState } from '../state/state.ts';
import { FleetAvailability } from './fleet-availability.ts';
import { Hosts } from './hosts.ts';
import { PresenceWatch } from './presence.ts';
import { PRESENCE_DEFAULTS } from './presence-settings.ts';

const HOSTS = 50;

it('a look at all hosts tries once to write what waits, and the history is whole when it can be written', async () => {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const hosts = new Hosts({ database, clock, log: silentLogger });
  for (let i = 0; i < HOSTS; i++) {
    const draft = { publicKey: randomBytes(32), tokenId: 't', machineId: '', agentVersion: '1' };
    hosts.admit(hosts.insert({ id: randomBytes(16).toString('hex'), hostName: `h${i}`, ...draft }));
  }
  let refused = 0;
  let isFull = false;
  const transaction: Database['transaction'] = (act) => {
    if (!isFull) return database.transaction(act);
    refused++;
    throw new Error('database or disk is full');
  };
  const presence = new PresenceWatch({
    database: { ...database, transaction },
    hosts,
    clock,
    log: silentLogger,
    settings: PRESENCE_DEFAULTS,
  });
  presence.start();
  await clock.advance(2_000);
  const startedMs = clock.wallMs();
  isFull = true;
  for (const [id] of presence.all()) presence.welcomed(id);
  const history = presence.history.bind(presence);
  const view = new FleetAvailability({ hosts, clock: systemClock, history });
  await view.of({ fromMs: 0, toMs: startedMs }, HOSTS);
  expect(refused).toBe(1);
  isFull = false;
  await clock.advance(2_000);
  const answer = await view.of({ fromMs: startedMs, toMs: clock.wallMs() }, HOSTS);
  expect(answer.total.seen).toMatchObject({ upMs: HOSTS * 2_000, unknownMs: 0 });
  presence.close();
});
