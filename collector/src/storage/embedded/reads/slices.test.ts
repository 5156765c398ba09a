import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournalReader, type JournalReader } from '../../../journal/reader.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import {
  openHeardSession,
  openTestJournal,
  type TestJournal,
} from '../../../journal/testing/test-journal.ts';
import { Labels } from '../../labels.ts';
import type { Slice, SliceReader } from '../../slice.ts';
import { createEmbeddedStorage } from '../embedded.ts';
import { createSliceReader } from './slices.ts';

const AGENT = 'a'.repeat(32);
const GONE = 'b'.repeat(32);
const EPOCH = 'e'.repeat(16);

let dir: ReturnType<typeof tempDir>;
let journal: TestJournal;
let reader: JournalReader;
beforeEach(() => {
  dir = tempDir();
  const path = join(dir.path, 'journal.db');
  journal = openTestJournal(path);
  reader = openJournalReader({ path, schemas: journal.schemas });
});
afterEach(async () => {
  reader.close();
  await journal.journal.close();
  dir[Symbol.dispose]();
});

function slices(): SliceReader {
  return createSliceReader({
    reader,
    identityOf: (id) =>
      id === GONE
        ? undefined
        : [
            ['instance', 'web-1'],
            ['job', 'node'],
          ],
  });
}

/** Every sample as `series time=value`, times from the start of the clock. */
function texts(slice: Slice | undefined): string[] {
  const startMs = Date.UTC(2026, 0, 1);
  return (slice?.batches ?? []).flat().flatMap(({ labels, timestamps, values, stale }) =>
    Array.from(timestamps, (timeMs, i) => {
      const value = stale?.[i] === 1 ? 'stale' : String(values[i]);
      return `${labels.toString()} ${timeMs - startMs}=${value}`;
    }),
  );
}

describe('slices of the journal', () => {
  it('holds the samples of agents with their identity, and of no deleted host', async () => {
    const schema = gaugeSchema('cpu', { node_load1: [], node_temp: ['a', 'b'] });
    const nowMs = journal.clock.wallMs();
    for (const agentId of [AGENT, GONE]) {
      const { session } = await openHeardSession(journal.journal, agentId, [EPOCH]);
      const lane = new LaneWriter(EPOCH);
      session.apply(EPOCH, lane.schema(1, schema, nowMs));
      session.apply(EPOCH, lane.tick(nowMs, [valuesBlock(1, schema, [1, 2, undefined])]));
      session.apply(EPOCH, lane.tick(nowMs + 10, [valuesBlock(1, schema, [3, 4, 5])]));
    }
    await journal.commit();
    const source = slices();
    const slice = source.read(0);
    expect(texts(slice)).toEqual([
      'node_load1{instance="web-1", job="node"} 0=1',
      'node_load1{instance="web-1", job="node"} 10=3',
      'node_temp{instance="web-1", job="node", series="a"} 0=2',
      'node_temp{instance="web-1", job="node", series="a"} 10=4',
      'node_temp{instance="web-1", job="node", series="b"} 10=5',
    ]);
    expect(slice).toMatchObject({ toPos: 6, samples: 5, records: 4, oldestMs: nowMs });
    expect(source.read(6)).toBeUndefined();
    expect([source.waitingAfter(0), source.waitingAfter(6)]).toEqual([6, 0]);
  });

  it('ends a series where its sampler no longer has it', async () => {
    const before = gaugeSchema('fs', { node_free: ['a', 'b', 'c'] });
    const after = gaugeSchema('fs', { node_free: ['b', 'd'] });
    const nowMs = journal.clock.wallMs();
    const { session } = await openHeardSession(journal.journal, AGENT, [EPOCH]);
    const lane = new LaneWriter(EPOCH);
    session.apply(EPOCH, lane.schema(1, before, nowMs));
    session.apply(EPOCH, lane.tick(nowMs, [valuesBlock(1, before, [1, 2, 3])]));
    session.apply(EPOCH, lane.tick(nowMs + 10, [valuesBlock(1, before, [1, 2, undefined])]));
    await journal.commit();
    session.apply(EPOCH, lane.schema(2, after, nowMs + 20));
    session.apply(EPOCH, lane.tick(nowMs + 20, [valuesBlock(2, after, [5, 6])]));
    await journal.commit();
    const source = slices();
    const all: string[] = [];
    for (let slice = source.read(0); slice !== undefined; slice = source.read(slice.toPos))
      all.push(...texts(slice));
    expect(all.filter((text) => text.endsWith('stale')).sort()).toEqual([
      'node_free{instance="web-1", job="node", series="a"} 20=stale',
      'node_free{instance="web-1", job="node", series="c"} 10=stale',
    ]);
    // After a jump nobody knows what came before: no marker is made up.
    expect(texts(source.read(3)).filter((text) => text.endsWith('stale'))).toEqual([]);
  });

  it('holds what the collector itself stores, markers and infinities too, as it was appended', async () => {
    const storage = createEmbeddedStorage({
      journal: journal.journal,
      reader,
      identityOf: () => [],
      clock: journal.clock,
      randomBytes: (count) => Buffer.alloc(count, 7),
      yieldToLoop: () => Promise.resolve(),
    });
    const nowMs = journal.clock.wallMs();
    const appended = storage.append([
      { labels: Labels.of({ __name__: 'up', instance: 'x' }), samples: [{ timeMs: nowMs, value: 1 }] },
      {
        labels: Labels.of({ __name__: 'pushed' }),
        samples: [
          { timeMs: nowMs, value: Number.POSITIVE_INFINITY },
          { timeMs: nowMs + 1, value: 0, isStale: true },
        ],
      },
    ]);
    await journal.clock.advance(200);
    await appended;
    expect(texts(slices().read(0)).sort()).toEqual([
      'pushed 0=Infinity',
      'pushed 1=stale',
      'up{instance="x"} 0=1',
    ]);
    await storage.close();
  });

  it('splits a record that is larger than a batch', async () => {
    const schemas = ['x', 'y', 'z'].map((name) =>
      gaugeSchema(name, { [name]: Array.from({ length: 2_000 }, (_, i) => String(i)) }),
    );
    const nowMs = journal.clock.wallMs();
    const { session } = await openHeardSession(journal.journal, AGENT, [EPOCH]);
    const lane = new LaneWriter(EPOCH);
    for (const [i, schema] of schemas.entries()) session.apply(EPOCH, lane.schema(i + 1, schema, nowMs));
    const values = Array.from({ length: 2_000 }, () => 1);
    const blocks = schemas.map((schema, i) => valuesBlock(i + 1, schema, values));
    session.apply(EPOCH, lane.tick(nowMs, blocks));
    await journal.commit();
    const slice = slices().read(0);
    expect(slice?.batches.map((batch) => batch.length)).toEqual([5_000, 1_000]);
  });
});
