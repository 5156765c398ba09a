import { join } from 'node:path';
import { encodeEvent, type AgentEvent } from '@rollcall/shared/protocol/event.ts';
import { encodeRecord, RECORD_KIND, decodeRecord } from '@rollcall/shared/protocol/record.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { expect, test } from 'vitest';
import { openJournalReader } from './reader.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const AGENT = 'a'.repeat(32);
const EPOCH = 'e'.repeat(16);

const busy = (name: string): AgentEvent => ({
  kind: 'processes',
  spanMs: 60_000,
  programs: [
    {
      name,
      count: 1,
      pid: 7,
      cpus: 0.5,
      memoryBytes: 4_096,
      readBytesPerSecond: null,
      writtenBytesPerSecond: 0,
    },
  ],
});

test('the newest that a host told of its busiest programs in a span is read, and nothing else', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, schemas, commit, clock } = openTestJournal(path);
  const nowMs = clock.wallMs();
  const { session } = await openHeardSession(journal, AGENT, [EPOCH]);
  let seq = 0;
  const tell = (atMs: number, body: Buffer): void => {
    const draft = { kind: RECORD_KIND.EVENT, flags: 0, wallMs: nowMs + atMs, bootMs: 1, body };
    seq += 1;
    expect(session.apply(EPOCH, decodeRecord(encodeRecord(draft, seq), 0)).kind).toBe('accepted');
  };
  tell(-120_000, encodeEvent(busy('early')));
  tell(-60_000, encodeEvent(busy('<b>late')));
  tell(-30_000, encodeEvent({ kind: 'stop' }));
  // Accepted because it is JSON; that it is wrong, or newer than we are, must not hide the others.
  tell(-20_000, Buffer.from('{"event":"processes","spanMs":"long"}'));
  tell(-10_000, Buffer.from('{"event":"tomorrow"}'));
  await commit();
  await journal.close();
  const reader = openJournalReader({ path, schemas });
  const busiest = (fromMs: number, toMs: number, agentId = AGENT) =>
    reader.busiest({ agentId, fromMs: nowMs + fromMs, toMs: nowMs + toMs });
  expect(busiest(-600_000, 0)).toMatchObject({
    atMs: nowMs - 60_000,
    programs: [{ name: '<b>late', pid: 7 }],
  });
  expect(busiest(-120_000, -60_001)).toMatchObject({ programs: [{ name: 'early' }] });
  expect(busiest(-59_999, 0)).toBeUndefined();
  expect(busiest(-600_000, 0, 'b'.repeat(32))).toBeUndefined();
  reader.close();
});
