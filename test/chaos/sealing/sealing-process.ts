/**
 * A process that takes in samples of three hosts as fast as it can, seals and merges them, and says what is acknowledged:
 * `host watermark`, a line each. It runs until it is killed. Journal, keeper and threads are those of the collector; only
 * the clock goes faster, so that hours and days end all the time.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import type { JournalSession } from '../../../collector/src/journal/journal.ts';
import { openJournal } from '../../../collector/src/journal/open-journal.ts';
import { openJournalReader } from '../../../collector/src/journal/reader.ts';
import { SchemaCache } from '../../../collector/src/journal/schema-cache.ts';
import { LaneWriter, valuesBlock } from '../../../collector/src/journal/testing/lane-writer.ts';
import { BlockKeeper } from '../../../collector/src/storage/embedded/sealing/keeper.ts';
import { threadWorkshop } from '../../../collector/src/storage/embedded/sealing/thread-workshop.ts';
import { EPOCH, HOSTS, SCHEMA, TIME_RATIO, timeOf, valuesOf } from './samples.ts';

const ROUND_MS = 200;
const WINDOW_MS = 12 * 3_600_000;
const RECORDS_PER_TURN = 40;
const PAUSE_MS = 10;

const [dataDir = '', origin = ''] = process.argv.slice(2);
const originMs = Number(origin);
const clock = {
  ...systemClock,
  wallMs: () => Math.floor(originMs + (systemClock.wallMs() - originMs) * TIME_RATIO),
};
const path = join(dataDir, 'journal.db');
const dir = join(dataDir, 'blocks');
const log = silentLogger;
const schemas = new SchemaCache();
const journal = openJournal({ path, clock, log, randomBytes, yieldToLoop: nextTurn, schemas });
const reader = openJournalReader({ path, schemas });
const workshop = threadWorkshop({ journalFile: path, dir });
const settings = { windowMs: WINDOW_MS, roundMs: ROUND_MS, graceMs: 60_000, reserveBytes: 0 };
new BlockKeeper({
  journal,
  reader,
  workshop,
  disk: nodeDisk,
  dir,
  clock,
  log,
  randomBytes,
  settings,
}).start();
await Promise.all(HOSTS.map(feed));

function pause(): Promise<void> {
  return new Promise((wake) => void setTimeout(wake, PAUSE_MS));
}

async function feed(agentId: string, host: number): Promise<void> {
  const durable = { watermark: 0 };
  const epochs = [{ id: EPOCH, bootId: 'b0'.repeat(16), first: 1, next: 1e9, acked: 0 }];
  const session: JournalSession = await journal.openSession(
    { agentId, epochs },
    {
      committed(_epochId, watermark) {
        durable.watermark = watermark;
        // Written at once: what stands in a pipe is told, whenever the process dies.
        writeSync(1, `${host} ${watermark}\n`);
      },
      failed(text) {
        throw new Error(text);
      },
    },
  );
  const lane = new LaneWriter(EPOCH);
  lane.next = (session.marks.find(({ id }) => id === EPOCH)?.watermark ?? 0) + 1;
  durable.watermark = lane.next - 1;
  for (;;) {
    const seq = lane.next;
    const timeMs = timeOf(originMs, seq);
    // An agent has no samples of the future.
    if (timeMs < clock.wallMs()) {
      const record =
        seq === 1
          ? lane.schema(1, SCHEMA, timeMs)
          : lane.tick(timeMs, [valuesBlock(1, SCHEMA, valuesOf(seq))]);
      const { kind } = session.apply(EPOCH, record);
      if (kind !== 'accepted') throw new Error(`record ${seq} was not accepted: ${kind}`);
      if (seq % RECORDS_PER_TURN !== 0) continue;
    }
    do await pause();
    while (durable.watermark < lane.next - RECORDS_PER_TURN * 5);
  }
}
