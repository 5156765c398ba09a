import * as fc from 'fast-check';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gaugeSchema, LaneWriter, valuesBlock } from './testing/lane-writer.ts';
import { openHeardSession, openTestJournal } from './testing/test-journal.ts';

const EPOCH = 'e'.repeat(16);
const SCHEMA = gaugeSchema('cpu', { node_load1: [] });
const forever = new AbortController().signal;
const AGENTS = 4;

interface Row {
  readonly pos: number;
  readonly lane: number;
  readonly timeMs: number;
  readonly kind: number;
  readonly samples: number;
  readonly bytes: number;
}

function rowsIn(path: string): readonly Row[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare('SELECT pos, lane, time_ms, kind, samples, length(bytes) AS bytes FROM records ORDER BY pos')
    .all()
    .map((row) => ({
      pos: Number(row['pos']),
      lane: Number(row['lane']),
      timeMs: Number(row['time_ms']),
      kind: Number(row['kind']),
      samples: Number(row['samples']),
      bytes: Number(row['bytes']),
    }));
  database.close();
  return rows;
}

/** What the lanes say is there, and what is left of declarations. */
function booksOf(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  const lanes = database
    .prepare('SELECT id, row_count, row_bytes, row_samples, oldest_ms FROM lanes ORDER BY id')
    .all();
  const sealed = database.prepare('SELECT count(*) AS n FROM sealed').get();
  database.close();
  return { lanes: lanes.map((lane) => Object.values(lane).map(Number)), open: sealed?.['n'] };
}

function booksFor(rows: readonly Row[], laneIds: readonly number[]) {
  return laneIds.map((id) => {
    const own = rows.filter(({ lane }) => lane === id);
    const sum = (of: (row: Row) => number): number => own.reduce((total, row) => total + of(row), 0);
    const oldestMs = own.length === 0 ? 0 : Math.min(...own.map(({ timeMs }) => timeMs));
    return [id, own.length, sum(({ bytes }) => bytes), sum(({ samples }) => samples), oldestMs];
  });
}

const arbitraryRecord = fc.record({
  agent: fc.nat(AGENTS - 1),
  second: fc.nat(300),
});

test('exactly the records of the window go, by position or lane by lane, and the lanes know it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryRecord, { minLength: 1, maxLength: 80, size: 'max' }),
      fc.nat(300),
      fc.nat(300),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      async (records, from, length, share, isDense) => {
        using dir = tempDir();
        const path = join(dir.path, 'journal.db');
        const { journal, clock, commit } = openTestJournal(path);
        const nowMs = clock.wallMs();
        const lanes = await Promise.all(
          Array.from({ length: AGENTS }, async (_, agent) => {
            const { session } = await openHeardSession(journal, `${agent}`.repeat(32), [EPOCH]);
            const lane = new LaneWriter(EPOCH);
            session.apply(EPOCH, lane.schema(1, SCHEMA, nowMs));
            session.apply(EPOCH, lane.event(nowMs, {}));
            return { session, lane };
          }),
        );
        for (const { agent, second } of records) {
          const one = lanes[agent];
          one?.session.apply(
            EPOCH,
            one.lane.tick(nowMs + second * 1_000, [valuesBlock(1, SCHEMA, [second])]),
          );
        }
        await commit();
        const before = rowsIn(path);
        const range = {
          fromMs: nowMs + from * 1_000,
          toMs: nowMs + (from + length) * 1_000,
          lastPos: Math.round(share * (before.at(-1)?.pos ?? 0)),
        };
        const isGone = ({ timeMs, pos, kind }: Row): boolean =>
          kind <= 2 && timeMs >= range.fromMs && timeMs < range.toMs && pos <= range.lastPos;
        const gone = before.filter(isGone);
        const left = before.filter((row) => !isGone(row));
        const seal = {
          ...range,
          rows: gone.length,
          samples: gone.reduce((sum, { samples }) => sum + samples, 0),
          foundFromPos: gone[0]?.pos ?? 0,
          // So far apart that they are deleted lane by lane.
          foundToPos: (gone.at(-1)?.pos ?? 0) + (isDense ? 0 : 10_000),
        };
        await journal.changeBlocks({ add: [], remove: [], seal });
        expect((await journal.deleteSealed(forever)).rows).toBe(gone.length);
        expect(rowsIn(path)).toEqual(left);
        const { lanes: books, open } = booksOf(path);
        expect(books).toEqual(
          booksFor(
            left,
            books.map(([id = 0]) => id),
          ),
        );
        expect(open).toBe(0);
        expect(journal.stats()).toMatchObject({ rows: left.length });
        await journal.close();
      },
    ),
    { numRuns: 12 },
  );
});

test('a range that an older version declared is deleted, too', async () => {
  using dir = tempDir();
  const path = join(dir.path, 'journal.db');
  const { journal, clock, commit } = openTestJournal(path);
  const nowMs = clock.wallMs();
  const { session } = await openHeardSession(journal, 'a'.repeat(32), [EPOCH]);
  const lane = new LaneWriter(EPOCH);
  for (let i = 0; i < 10; i++) session.apply(EPOCH, lane.tick(nowMs + i, [valuesBlock(1, SCHEMA, [i])]));
  await commit();
  const database = new DatabaseSync(path);
  // As the columns of the new version stand in its rows.
  database.exec(
    `INSERT INTO sealed (from_ms, to_ms, last_pos, rows, samples, lane) VALUES (${nowMs}, ${nowMs + 5}, 100, 5, 0, 0)`,
  );
  database.close();
  expect((await journal.deleteSealed(forever)).rows).toBe(5);
  expect(rowsIn(path)).toHaveLength(5);
  await journal.close();
});
