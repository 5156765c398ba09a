/** From the processes of a host to what the collector knows when an incident opens: both halves, without a socket. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeHost } from '../../agent/src/host/testing.ts';
import { createSamplers } from '../../agent/src/samplers/list.ts';
import { ProcessWatch } from '../../agent/src/samplers/processes/watch.ts';
import { TickTaker } from '../../agent/src/scheduler/tick.ts';
import { ProcessReport } from '../../agent/src/self/process-report.ts';
import { NewestVitals } from '../../agent/src/self/vitals.ts';
import { noteEvent } from '../../agent/src/spool/life.ts';
import { MemorySpool } from '../../agent/src/spool/memory.ts';
import { openJournalReader } from '../../collector/src/journal/reader.ts';
import { openHeardSession, openTestJournal } from '../../collector/src/journal/testing/test-journal.ts';
import { decodeRecord } from '../../shared/src/protocol/record.ts';
import { tempDir } from '../../shared/src/testing/temp-dir.ts';

const AGENT_ID = 'a'.repeat(32);
const MINUTE_MS = 60_000;
const SECRET = '--password=hunter2';

it('brings the busiest programs of a host under strain to the collector, and nothing of one that is idle', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, schemas, commit, clock } = openTestJournal(path);
  const host = new FakeHost();
  host.files.set('/proc/7/cmdline', `mysqld\0${SECRET}`);
  const watch = new ProcessWatch(clock);
  const ticks = new TickTaker({
    clock,
    host,
    intervalMs: MINUTE_MS,
    samplers: createSamplers('linux', {
      clock,
      agent: { version: '0', arch: 'x64', os: 'linux' },
      mountTimeoutMs: 1,
      watch,
    }).filter(({ name }) => name === 'processes' || name === 'cpu'),
  });
  const spool = new MemorySpool({ clock, bootId: 'b', randomBytes });
  const vitals = new NewestVitals();
  const report = new ProcessReport({
    snapshots: () => watch.snapshots,
    cpuCount: 1,
    append: (event) => noteEvent(spool, clock, event),
  });
  let [busyTicks, idleTicks] = [0, 0];
  const minute = async (busyRatio: number): Promise<void> => {
    await clock.advance(MINUTE_MS);
    busyTicks += 6_000 * busyRatio;
    idleTicks += 6_000 * (1 - busyRatio);
    host.files.set('/proc/stat', `cpu0 ${busyTicks} 0 0 ${idleTicks} 0 0 0 0 0 0\n`);
    for (const [pid, ticksUsed] of [
      [1, 0],
      [7, busyTicks],
    ] as const) {
      const rest = `S ${'0 '.repeat(10)}${ticksUsed} 0 0 0 0 0 1 0 5 0 0 0\n`;
      host.files.set(`/proc/${pid}/stat`, `${pid} (${pid === 7 ? '<b>my sqld' : 'init'}) ${rest}`);
    }
    const tick = await ticks.takeTick();
    vitals.note(tick);
    report.afterTick(vitals);
  };
  for (let i = 0; i < 5; i++) await minute(0.1);
  const idleMs = clock.wallMs();
  await minute(0.95);
  const busyMs = clock.wallMs();

  const epochId = spool.epochs().at(-1)?.id ?? '';
  const { session } = await openHeardSession(journal, AGENT_ID, [epochId]);
  const { records } = spool.read(epochId, 1, { maxBytes: 100_000, maxRecords: 100 });
  expect(Buffer.concat(records).includes(SECRET)).toBe(false);
  for (const record of records) {
    expect(session.apply(epochId, decodeRecord(Buffer.from(record), 0)).kind).toBe('accepted');
  }
  await commit();
  await journal.close();
  spool.close();
  const reader = openJournalReader({ path, schemas });
  expect(reader.busiest({ agentId: AGENT_ID, fromMs: 0, toMs: idleMs })).toBeUndefined();
  expect(reader.busiest({ agentId: AGENT_ID, fromMs: 0, toMs: busyMs })).toEqual({
    atMs: busyMs,
    spanMs: MINUTE_MS,
    programs: [
      {
        name: '<b>my sqld',
        count: 1,
        pid: 7,
        cpus: 0.95,
        memoryBytes: null,
        readBytesPerSecond: null,
        writtenBytesPerSecond: null,
      },
    ],
  });
  reader.close();
});
