/** Reading hosts in parts, against reading all of them. */
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { expect, it } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../journal/testing/test-journal.ts';
import { Labels } from '../labels.ts';
import { createMatcher } from '../matcher.ts';
import { openTestStorage } from './testing/test-storage.ts';

const BASE_MS = Date.UTC(2026, 5, 1, 12);
const MINUTE_MS = 60_000;
const EPOCH = 'e'.repeat(16);
const NEVER = new AbortController().signal;
const INSTANCES = ['web-1', 'web-2', 'db-1', 'db-2', 'mail'];

const agentIdOf = (at: number): string => String(at).repeat(32);

const SCHEMA = gaugeSchema('load', { load: ['a', 'b'] }, MINUTE_MS);

async function openFleet(dir: string) {
  const instances = new Map(INSTANCES.map((instance, at) => [agentIdOf(at), instance]));
  const test = openTestStorage({
    dir,
    wallMs: BASE_MS + 200 * MINUTE_MS,
    limits: { partHosts: 2 },
    identityOf: (agentId) => [['instance', instances.get(agentId) ?? '']],
  });
  for (const agentId of instances.keys()) {
    const { session, heard } = await openHeardSession(test.journal, agentId, [EPOCH]);
    const lane = new LaneWriter(EPOCH);
    session.apply(lane.epochId, lane.schema(1, SCHEMA, BASE_MS));
    for (let minute = 0; minute < 100; minute++) {
      session.apply(
        lane.epochId,
        lane.tick(BASE_MS + minute * MINUTE_MS, [valuesBlock(1, SCHEMA, [minute, 1])]),
      );
      const { length } = heard;
      while (heard.length === length) await nextTurn();
    }
  }
  const own = INSTANCES.map((instance, value) => ({
    labels: Labels.of({ __name__: 'load', instance, rule: 'r' }),
    samples: [{ timeMs: BASE_MS + 99 * MINUTE_MS, value }],
  }));
  const ofAll = {
    labels: Labels.of({ __name__: 'load', rule: 'all' }),
    samples: [{ timeMs: BASE_MS + 99 * MINUTE_MS, value: 9 }],
  };
  await test.storage.append([...own, ofAll]);
  return test;
}

it('has each series of a fleet in one part, wherever it stands', async () => {
  using dir = tempDir();
  const { storage, seal, close } = await openFleet(dir.path);
  const count = storage.hostParts?.() ?? 0;
  // Five hosts and the collector itself.
  expect(count).toBe(3);
  const matchers = [createMatcher('__name__', '=', 'load')];
  const requests = [
    { matchers, fromMs: BASE_MS, toMs: BASE_MS + 99 * MINUTE_MS, samplesMax: 1e6 },
    {
      matchers,
      fromMs: BASE_MS + 95 * MINUTE_MS,
      toMs: BASE_MS + 99 * MINUTE_MS,
      samplesMax: 1e6,
      hints: {},
    },
  ];
  const check = async (): Promise<void> => {
    for (const request of requests) {
      const whole = await storage.select(request, NEVER);
      const seen: string[] = [];
      const instances: Set<string>[] = [];
      for (let index = 0; index < count; index++) {
        const part = await storage.select({ ...request, part: { index, count } }, NEVER);
        seen.push(...part.map((one) => plain(one)));
        instances.push(new Set(part.map(({ labels }) => labels.get('instance'))));
      }
      expect(seen.toSorted()).toEqual(whole.map((one) => plain(one)).toSorted());
      // What is about one host is in one part, whoever says it.
      for (const instance of [...INSTANCES, ''])
        expect(instances.filter((some) => some.has(instance))).toHaveLength(1);
    }
  };
  await check();
  await seal(60 * MINUTE_MS);
  await check();
  await close();
});

function plain({
  labels,
  timestamps,
  values,
}: {
  labels: Labels;
  timestamps: Float64Array;
  values: Float64Array;
}): string {
  return `${labels.toString()} ${timestamps.join()} ${values.join()}`;
}
