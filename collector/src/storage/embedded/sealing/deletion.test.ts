/** What becomes of the data of a host that is deleted. */
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { createMatcher } from '../../matcher.ts';
import { openTestStorage } from '../testing/test-storage.ts';

const HOUR_MS = 3_600_000;
const BASE_MS = Date.UTC(2026, 5, 1, 6);
const HOSTS = ['a'.repeat(32), 'b'.repeat(32)] as const;
const calm = new AbortController().signal;

test('its records and its samples in blocks go, those of the others stay', async () => {
  using dir = tempDir();
  const identityOf = (agentId: string) => [['instance', agentId.slice(0, 1)]] as const;
  const { storage, journal, reader, seal, close } = openTestStorage({
    dir: dir.path,
    wallMs: BASE_MS,
    identityOf,
  });
  const schema = gaugeSchema('cpu', { load: [] });
  for (const agentId of HOSTS) {
    const { session } = await openHeardSession(journal, agentId, ['e'.repeat(16)]);
    const lane = new LaneWriter();
    session.apply(lane.epochId, lane.schema(1, schema, BASE_MS));
    for (const hour of [-3, -2])
      session.apply(lane.epochId, lane.tick(BASE_MS + hour * HOUR_MS, [valuesBlock(1, schema, [hour])]));
    await openHeardSession(journal, agentId, ['e'.repeat(16)]);
  }
  const read = async () => {
    const matchers = [createMatcher('__name__', '=', 'load')];
    const all = await storage.select({ matchers, fromMs: 0, toMs: 2 * BASE_MS, samplesMax: 1e6 }, calm);
    return all.map(({ labels, values }) => [labels.get('instance'), values.length]);
  };
  await seal(HOUR_MS);
  const before = await read();
  expect(before.map(([instance]) => instance)).toEqual(['a', 'b']);
  await journal.deleteAgent(HOSTS[0]);
  // Soon after it blocks stay as they are, in case more hosts are deleted.
  await seal(HOUR_MS, BASE_MS + 1);
  expect(await read()).toHaveLength(2);
  for (let round = 0; round < 4; round++) await seal(HOUR_MS, BASE_MS + 2 * HOUR_MS + round);
  expect(await read()).toEqual(before.slice(1));
  const snapshot = reader.snapshot();
  expect([...snapshot.lanes()].map(({ agentId }) => agentId)).not.toContain(HOSTS[0]);
  snapshot.close();
  await close();
});
