import { join } from 'node:path';
import {
  encodeRecord,
  decodeRecord,
  RECORD_KIND,
  recordBody,
  type WireRecord,
} from '@rollcall/shared/protocol/record.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { describe, expect, test } from 'vitest';
import type { BootReading } from './boot-time.ts';
import type { CommittedSamples, JournalSession } from './journal.ts';
import { gaugeSchema, LaneWriter, valuesBlock } from './testing/lane-writer.ts';
import { openTestJournal } from './testing/test-journal.ts';

const AGENT = 'a'.repeat(32);
const SCHEMA = gaugeSchema('cpu', { node_load1: [] });
const UP_MS = 600_000;

type Lane = { readonly id: string; readonly bootId: string };
const NOW: Lane = { id: 'e'.repeat(16), bootId: 'boot' };
const BEFORE: Lane = { id: 'f'.repeat(16), bootId: 'earlier boot' };

function setUp(path?: string, clock = new FakeClock()) {
  const test = openTestJournal(path, clock);
  const times: number[] = [];
  const told = (ticks: readonly CommittedSamples[]): void =>
    void times.push(...ticks.map(({ timeMs }) => timeMs));
  test.journal.onCommitted(told);
  const open = (epochs: readonly Lane[], bootReading?: BootReading): Promise<JournalSession> =>
    test.journal.openSession(
      {
        agentId: AGENT,
        epochs: epochs.map((epoch) => ({ ...epoch, first: 1, next: 1_000_000, acked: 0 })),
        bootReading,
      },
      { committed() {}, failed() {} },
    );
  return { ...test, times, open };
}

/** A machine that has been up for ten minutes at this moment, asked and answering at once. */
function readingOf(clock: FakeClock, bootId = 'boot'): BootReading {
  const monoMs = clock.monoMs();
  return { bootId, bootMs: UP_MS, askedMonoMs: monoMs, answeredMonoMs: monoMs };
}

/** Sends a tick of each pair of clocks, behind the schema when it is the first. */
function send(
  session: JournalSession,
  { id }: Lane,
  writer: LaneWriter,
  clocks: readonly [wallMs: number, bootMs: number][],
) {
  if (writer.next === 1) session.apply(id, writer.schema(1, SCHEMA, 0));
  return clocks.map(([wallMs, bootMs]) =>
    session.apply(id, withBootMs(writer.tick(wallMs, [valuesBlock(1, SCHEMA, [1])]), bootMs)),
  );
}

function withBootMs(record: WireRecord, bootMs: number): WireRecord {
  const { seq, wallMs } = record;
  const body = recordBody(record);
  return decodeRecord(encodeRecord({ kind: RECORD_KIND.SAMPLES, flags: 0, wallMs, bootMs, body }, seq), 0);
}

describe('a machine with a wrong wall clock', () => {
  test('is stored by its boot clock, before and after somebody set the clock right', async () => {
    const { journal, clock, times, open, commit } = setUp();
    const nowMs = clock.wallMs();
    const session = await open([NOW], readingOf(clock));
    const outcomes = send(session, NOW, new LaneWriter(NOW.id), [
      [7_000, UP_MS - 20_000],
      [17_000, UP_MS - 10_000],
      [nowMs + 40, UP_MS],
    ]);
    await commit();
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(times).toEqual([nowMs - 20_000, nowMs - 10_000, nowMs + 40]);
    expect(journal.stats()).toMatchObject({ correctedTicks: 2, rejectedRecords: 0 });
  });

  test('is judged by the time that was found, not by its clock', async () => {
    const { clock, open } = setUp();
    const session = await open([NOW], readingOf(clock));
    const [outcome] = send(session, NOW, new LaneWriter(NOW.id), [[7_000, UP_MS + 3_600_000]]);
    expect(outcome).toMatchObject({ kind: 'rejected', code: 'TIME_OUT_OF_WINDOW' });
  });

  test('is known again after a restart of both ends', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'journal.db');
    const first = setUp(path);
    const bootedMs = first.clock.wallMs() - UP_MS;
    const writer = new LaneWriter(NOW.id);
    send(await first.open([NOW], readingOf(first.clock)), NOW, writer, [[7_000, UP_MS]]);
    await first.commit();
    await first.journal.close();
    const clock = new FakeClock();
    await clock.advance(3_600_000);
    const second = setUp(path, clock);
    const next: Lane = { id: '1'.repeat(16), bootId: 'next boot' };
    const session = await second.open([NOW, next], readingOf(clock, 'next boot'));
    send(session, NOW, writer, [[17_000, UP_MS + 10_000]]);
    await second.commit();
    expect(second.times).toEqual([bootedMs + UP_MS + 10_000]);
    await second.journal.close();
  });

  test('is rejected as before when nobody saw the boot clock of that boot', async () => {
    const { clock, open } = setUp();
    const session = await open([BEFORE, NOW], readingOf(clock));
    const [outcome] = send(session, BEFORE, new LaneWriter(BEFORE.id), [[7_000, UP_MS]]);
    expect(outcome).toMatchObject({ kind: 'rejected', code: 'TIME_OUT_OF_WINDOW' });
  });

  test('is measured as soon as our own clock can be trusted, as of its login', async () => {
    const { clock, times, open, commit } = setUp();
    const session = await open([NOW], readingOf(clock));
    const writer = new LaneWriter(NOW.id);
    clock.stepWall(3_600_000);
    const atLoginMs = clock.wallMs();
    send(session, NOW, writer, [[7_000, UP_MS]]);
    await clock.advance(700_000);
    send(session, NOW, writer, [[707_000, UP_MS + 700_000]]);
    await commit();
    expect(times).toEqual([7_000, atLoginMs + 700_000]);
  });
});
