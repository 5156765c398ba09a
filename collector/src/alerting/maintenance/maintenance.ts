/**
 * Maintenance windows: planned work, once or again and again, in which nobody is told of what fits the matchers. A
 * window without matchers takes everything. What still fires when it closes is told then.
 */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import * as z from 'zod';
import type { Database } from '../../state/database.ts';
import { jsonColumn } from '../incidents/transition.ts';
import {
  compile,
  labelMatcherSchema,
  MATCHERS_MAX,
  type LabelMatcher,
  type LabelValues,
} from '../routing/matchers.ts';
import { instantText, type Judge, type Suppressor } from '../routing/suppression.ts';
import { calendarOf, scheduleSchema, type Calendar, type Schedule, type Span } from './schedule.ts';

const WINDOWS_MAX = 200;
const NAME_LENGTH_MAX = 128;
const COMMENT_LENGTH_MAX = 1_000;
/** The spans of a window are looked up for so long at a time. */
const LOOKAHEAD_MS = 3_600_000;

export interface MaintenanceWindow {
  /** `m-` and a ULID. */
  readonly id: string;
  readonly name: string;
  /** All must fit; empty for everything. */
  readonly matchers: readonly LabelMatcher[];
  readonly schedule: Schedule;
  readonly createdBy: string;
  readonly comment: string;
  readonly updatedMs: number;
}

/** What a person says of a window. */
export type WindowDraft = Omit<MaintenanceWindow, 'id' | 'updatedMs'>;

/** A window and when it is open next, or at present; `null` when never again. */
export interface WindowView {
  readonly window: MaintenanceWindow;
  readonly isOpen: boolean;
  readonly span: Span | null;
}

interface LiveWindow {
  readonly window: MaintenanceWindow;
  readonly fits: (labels: LabelValues) => boolean;
  readonly calendar: Calendar;
  /** The spans of one stretch of time. */
  known: { readonly fromMs: number; readonly toMs: number; readonly spans: readonly Span[] };
}

export interface MaintenanceOptions {
  readonly database: Database;
  readonly wallMs: () => number;
  readonly newUlid: () => string;
  readonly log: Logger;
}

const windowRow = z.object({
  id: z.string(),
  name: z.string(),
  matchers: jsonColumn(z.array(labelMatcherSchema)),
  schedule: jsonColumn(scheduleSchema),
  created_by: z.string(),
  comment: z.string(),
  updated_ms: z.number(),
});

export class Maintenance implements Suppressor {
  readonly #options: MaintenanceOptions;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #windows = new Map<string, LiveWindow>();

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#sql = prepare(options.database);
    for (const raw of this.#sql.all.all()) {
      const window = windowOf(raw);
      try {
        this.#windows.set(window.id, liveWindow(window));
      } catch (error) {
        // It was in order once; a time zone that is gone must not keep the collector from starting.
        options.log.error('maintenance window cannot be used', {
          id: window.id,
          error: describeError(error),
        });
      }
    }
  }

  at(nowMs: number): Judge {
    const open = [...this.#windows.values()].flatMap((live) => {
      const span = openSpan(live, nowMs);
      return span === undefined ? [] : [{ ...live, span }];
    });
    return {
      suppressionsOf: ({ labels }) =>
        open
          .filter(({ fits }) => fits(labels))
          .map(({ window: { id, name }, span }) => ({
            kind: 'maintenance',
            id,
            reason: `maintenance "${name}" until ${instantText(span.endsMs)} (window ${id})`,
          })),
    };
  }

  /** Whether somebody with these labels stands in a window that is open at the moment. */
  openFor(nowMs: number): (labels: LabelValues) => boolean {
    const open = [...this.#windows.values()].filter((live) => openSpan(live, nowMs) !== undefined);
    return (labels) => open.some(({ fits }) => fits(labels));
  }

  /** All windows, oldest first. */
  list(): readonly WindowView[] {
    return [...this.#windows.values()].map((live) => this.#viewOf(live));
  }

  /** Undefined when there is none with this id. */
  get(id: string): WindowView | undefined {
    const live = this.#windows.get(id);
    return live === undefined ? undefined : this.#viewOf(live);
  }

  /** @throws AppError BAD_REQUEST naming what is wrong, LIMIT_EXCEEDED when there are too many */
  create(draft: WindowDraft): WindowView {
    if (this.#windows.size >= WINDOWS_MAX) {
      throw new AppError(
        'LIMIT_EXCEEDED',
        `create maintenance window: there are ${WINDOWS_MAX}, which is the most: delete one`,
      );
    }
    return this.#store(`m-${this.#options.newUlid()}`, draft);
  }

  /** @throws AppError NOT_FOUND, BAD_REQUEST */
  change(id: string, draft: WindowDraft): WindowView {
    this.#mustKnow(id);
    return this.#store(id, draft);
  }

  /** @throws AppError NOT_FOUND */
  delete(id: string): void {
    this.#mustKnow(id);
    this.#sql.delete.run(id);
    this.#windows.delete(id);
  }

  /** Forgets windows that will not open again and were over a month ago; returns how many. */
  prune(): number {
    const beforeMs = this.#options.wallMs() - 30 * 86_400_000;
    const over = [...this.#windows.values()].filter(
      ({ calendar, window }) => window.updatedMs < beforeMs && calendar.currentOrNext(beforeMs) === undefined,
    );
    for (const { window } of over) this.delete(window.id);
    return over.length;
  }

  #mustKnow(id: string): void {
    if (!this.#windows.has(id)) {
      throw new AppError('NOT_FOUND', `maintenance window ${JSON.stringify(id.slice(0, 64))} does not exist`);
    }
  }

  #store(id: string, draft: WindowDraft): WindowView {
    const { wallMs } = this.#options;
    if (draft.name.trim() === '')
      throw new AppError('BAD_REQUEST', 'maintenance window: name must not be empty');
    if (draft.matchers.length > MATCHERS_MAX) {
      throw new AppError(
        'BAD_REQUEST',
        `maintenance window: ${draft.matchers.length} matchers, ${MATCHERS_MAX} are allowed`,
      );
    }
    const window: MaintenanceWindow = {
      ...draft,
      id,
      name: cleanText(draft.name, NAME_LENGTH_MAX),
      createdBy: cleanText(draft.createdBy, NAME_LENGTH_MAX),
      comment: cleanText(draft.comment, COMMENT_LENGTH_MAX),
      updatedMs: wallMs(),
    };
    const live = liveWindow(window);
    this.#sql.put.run(
      id,
      window.name,
      JSON.stringify(window.matchers),
      JSON.stringify(window.schedule),
      window.createdBy,
      window.comment,
      window.updatedMs,
    );
    this.#windows.set(id, live);
    return this.#viewOf(live);
  }

  #viewOf(live: LiveWindow): WindowView {
    const nowMs = this.#options.wallMs();
    const span = live.calendar.currentOrNext(nowMs) ?? null;
    return { window: live.window, isOpen: span !== null && span.startsMs <= nowMs, span };
  }
}

function liveWindow(window: MaintenanceWindow): LiveWindow {
  return {
    window,
    fits: compile(window.matchers),
    calendar: calendarOf(window.schedule),
    known: { fromMs: 0, toMs: 0, spans: [] },
  };
}

/** The span that is open; the last one to close when several are. */
function openSpan(live: LiveWindow, nowMs: number): Span | undefined {
  if (nowMs < live.known.fromMs || nowMs >= live.known.toMs) {
    const toMs = nowMs + LOOKAHEAD_MS;
    live.known = { fromMs: nowMs, toMs, spans: live.calendar.spansBetween(nowMs, toMs) };
  }
  return live.known.spans
    .filter(({ startsMs, endsMs }) => startsMs <= nowMs && nowMs < endsMs)
    .sort((left, right) => right.endsMs - left.endsMs)[0];
}

function windowOf(raw: unknown): MaintenanceWindow {
  const row = windowRow.parse(raw);
  return {
    id: row.id,
    name: row.name,
    matchers: row.matchers,
    schedule: row.schedule,
    createdBy: row.created_by,
    comment: row.comment,
    updatedMs: row.updated_ms,
  };
}

function prepare({ connection }: Database) {
  return {
    all: connection.prepare('SELECT * FROM maintenance_windows ORDER BY id'),
    put: connection.prepare(`
      INSERT INTO maintenance_windows (id, name, matchers, schedule, created_by, comment, updated_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET name = excluded.name, matchers = excluded.matchers, schedule = excluded.schedule,
        created_by = excluded.created_by, comment = excluded.comment, updated_ms = excluded.updated_ms`),
    delete: connection.prepare('DELETE FROM maintenance_windows WHERE id = ?'),
  };
}
