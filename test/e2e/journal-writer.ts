/**
 * The process that the crash test kills: appends ticks to a journal as fast as it can, and prints the number of the
 * newest tick after each commit. Arguments: the journal's file, and the time of tick 0 in milliseconds; each further
 * tick is 100 ms later.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { openJournal } from '../../collector/src/journal/open-journal.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from '../../collector/src/journal/testing/lane-writer.ts';

const EPOCH = 'e'.repeat(16);
const AGENT = 'a'.repeat(32);
const TICKS_PER_TURN = 40;

async function main(path: string, baseMs: number): Promise<void> {
  const journal = openJournal({
    path,
    clock: systemClock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
  });
  const session = await journal.openSession(
    { agentId: AGENT, epochs: [{ id: EPOCH, bootId: 'boot', first: 1, next: 1, acked: 0 }] },
    {
      // Record 1 is the schema, so tick n has number n + 1. Written synchronously: what is printed has left the process.
      committed: (_epochId, watermark) => writeSync(1, `${watermark - 1}\n`),
      failed: (text) => {
        throw new Error(text);
      },
    },
  );
  const lane = new LaneWriter(EPOCH);
  const schema = gaugeSchema('cpu', { load: [] });
  lane.next = (session.marks[0]?.watermark ?? 0) + 1;
  const apply = (record: Parameters<typeof session.apply>[1]): void => {
    const outcome = session.apply(EPOCH, record);
    if (outcome.kind !== 'accepted') throw new Error(JSON.stringify(outcome));
  };
  if (lane.next === 1) apply(lane.schema(1, schema, baseMs));
  for (;;) {
    for (let i = 0; i < TICKS_PER_TURN; i++) {
      const tick = lane.next - 1;
      apply(lane.tick(baseMs + tick * 100, [valuesBlock(1, schema, [tick])]));
    }
    await nextTurn();
  }
}

await main(process.argv[2] ?? '', Number(process.argv[3]));
