/** The table `on_call_overrides`: who stands in for whom, as people agreed on while the collector runs. */
import * as z from 'zod';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Database } from '../../state/database.ts';
import type { Override } from './schedule.ts';

export interface StoredOverride extends Override {
  /** ULID. */
  readonly id: string;
  readonly author: string;
}

export interface OverrideRows {
  /** In the order in which they were made. */
  of(schedule: string): readonly StoredOverride[];
  /** @throws AppError LIMIT_EXCEEDED */
  add(schedule: string, override: Override & { readonly author: string }, nowMs: number): StoredOverride;
  /** Whether there was one. */
  remove(schedule: string, id: string): boolean;
  /** Deletes those that ended before `beforeMs`; returns how many. */
  prune(beforeMs: number): number;
}

/** Overrides of one schedule that are kept. */
const OVERRIDES_MAX = 500;

const overrideRow = z.object({
  id: z.string(),
  person: z.string(),
  from_ms: z.number(),
  to_ms: z.number(),
  author: z.string(),
});

export function createOverrideRows({ connection }: Database, newUlid: () => string): OverrideRows {
  const all = connection.prepare(
    'SELECT id, person, from_ms, to_ms, author FROM on_call_overrides WHERE schedule = ? ORDER BY id',
  );
  const insert = connection.prepare(`
    INSERT INTO on_call_overrides (id, schedule, person, from_ms, to_ms, author, created_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const remove = connection.prepare('DELETE FROM on_call_overrides WHERE schedule = ? AND id = ?');
  const prune = connection.prepare('DELETE FROM on_call_overrides WHERE to_ms < ?');
  const of: OverrideRows['of'] = (schedule) =>
    all.all(schedule).map((raw) => {
      const { from_ms: fromMs, to_ms: toMs, ...row } = overrideRow.parse(raw);
      return { ...row, fromMs, toMs };
    });
  return {
    of,
    add(schedule, { person, fromMs, toMs, author }, nowMs) {
      if (of(schedule).length >= OVERRIDES_MAX) {
        throw new AppError('LIMIT_EXCEEDED', `schedule "${schedule}" has ${OVERRIDES_MAX} overrides already`);
      }
      const id = newUlid();
      insert.run(id, schedule, person, fromMs, toMs, author, nowMs);
      return { id, person, fromMs, toMs, author };
    },
    remove: (schedule, id) => remove.run(schedule, id).changes === 1,
    prune: (beforeMs) => Number(prune.run(beforeMs).changes),
  };
}
