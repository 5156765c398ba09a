import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../../journal/testing/lane-writer.ts';
import { openHeardSession } from '../../../journal/testing/test-journal.ts';
import { openTestStorage } from '../testing/test-storage.ts';

const HOUR_MS = 3_600_000;
const BASE_MS = Date.UTC(2026, 5, 3, 6);
const HOSTS = ['a'.repeat(32), 'b'.repeat(32)] as const;

test.each([false, true])(
  'blocks are freed of a deleted host also while another block is damaged, damaged: %s',
  async (isDamaged) => {
    using dir = tempDir();
    const store = openTestStorage({ dir: dir.path, wallMs: BASE_MS, damaged: () => {} });
    const { journal, reader, seal, close, blocksDir } = store;
    const schema = gaugeSchema('cpu', { load: [] });
    for (const agentId of HOSTS) {
      const { session } = await openHeardSession(journal, agentId, ['e'.repeat(16)]);
      const lane = new LaneWriter();
      session.apply(lane.epochId, lane.schema(1, schema, BASE_MS - 60 * HOUR_MS));
      // Two days ago, and today.
      for (const hour of [-40, -39, -3, -2])
        session.apply(lane.epochId, lane.tick(BASE_MS + hour * HOUR_MS, [valuesBlock(1, schema, [hour])]));
      await openHeardSession(journal, agentId, ['e'.repeat(16)]);
    }
    // A clock of two days ago: nothing is merged yet.
    await seal(HOUR_MS, BASE_MS - 38 * HOUR_MS);
    const rows = () => {
      const s = reader.snapshot();
      const all = [...s.blocks()];
      s.close();
      return all;
    };
    await seal(HOUR_MS, BASE_MS - 30 * HOUR_MS);
    const first = rows()[0];
    if (first === undefined) throw new Error('no block');
    if (isDamaged) {
      const path = join(blocksDir, first.file);
      const bytes = readFileSync(path);
      for (let at = 30; at < 60; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
    }
    await journal.deleteAgent(HOSTS[0]);
    for (let round = 0; round < 8; round++) await seal(HOUR_MS, BASE_MS + 2 * HOUR_MS + round);
    // Written anew without the host: then they have other ids.
    expect(rows().filter(({ id }) => id === 3 || id === 4)).toEqual([]);
    await close();
  },
);
