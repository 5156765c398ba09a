/**
 * Silences: for a span of time nobody is told of what fits the matchers. Kept in the database, and those that are not
 * over in memory, because each notification asks.
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
  matcherText,
  type LabelMatcher,
  type LabelValues,
} from '../routing/matchers.ts';
import { instantText, type Judge, type Suppressor } from '../routing/suppression.ts';

/** Silences that are not over. */
const SILENCES_MAX = 1_000;
const NAME_LENGTH_MAX = 128;
const COMMENT_LENGTH_MAX = 1_000;
/** Silences that are over are kept for this long. */
const OVER_KEPT_MS = 90 * 86_400_000;

export interface Silence {
  readonly id: string;
  readonly matchers: readonly LabelMatcher[];
  /** UTC milliseconds, like all times here. */
  readonly startsMs: number;
  readonly endsMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly updatedMs: number;
}

/** What a person says of a silence. */
export type SilenceDraft = Omit<Silence, 'id' | 'updatedMs'>;

export type SilenceState = 'pending' | 'active' | 'expired';

interface LiveSilence {
  readonly silence: Silence;
  readonly fits: (labels: LabelValues) => boolean;
}

export interface SilencesOptions {
  readonly database: Database;
  readonly wallMs: () => number;
  /** See `createUlid`. */
  readonly newUlid: () => string;
  readonly log: Logger;
}

const silenceRow = z.object({
  id: z.string(),
  matchers: jsonColumn(z.array(labelMatcherSchema)),
  starts_ms: z.number(),
  ends_ms: z.number(),
  created_by: z.string(),
  comment: z.string(),
  updated_ms: z.number(),
});

export class Silences implements Suppressor {
  readonly #options: SilencesOptions;
  readonly #sql: ReturnType<typeof prepare>;
  /** Those that were not over when they were read, by id. */
  readonly #live = new Map<string, LiveSilence>();

  constructor(options: SilencesOptions) {
    this.#options = options;
    this.#sql = prepare(options.database);
    for (const raw of this.#sql.notOver.all(options.wallMs())) {
      const silence = silenceOf(raw);
      this.#live.set(silence.id, { silence, fits: this.#compileStored(silence) });
    }
  }

  at(nowMs: number): Judge {
    const active = [...this.#live.values()].filter(({ silence }) => stateOf(silence, nowMs) === 'active');
    return {
      suppressionsOf: ({ labels }) =>
        active
          .filter(({ fits }) => fits(labels))
          .map(({ silence: { id, endsMs, createdBy } }) => ({
            kind: 'silence',
            id,
            reason: `silenced by ${createdBy} until ${instantText(endsMs)} (silence ${id})`,
          })),
    };
  }

  /** All that are kept, the one that ends last first. */
  list(): readonly Silence[] {
    return this.#sql.all.all().map(silenceOf);
  }

  /** Undefined when there is none with this id. */
  get(id: string): Silence | undefined {
    const row = this.#sql.byId.get(id);
    return row === undefined ? undefined : silenceOf(row);
  }

  /**
   * A new silence.
   * @throws AppError BAD_REQUEST naming what is wrong, LIMIT_EXCEEDED when there are too many
   */
  create(draft: SilenceDraft): Silence {
    const nowMs = this.#options.wallMs();
    checkDraft(draft, nowMs);
    this.#forgetOver(nowMs);
    if (this.#live.size >= SILENCES_MAX) {
      throw new AppError(
        'LIMIT_EXCEEDED',
        `create silence: ${SILENCES_MAX} silences are active or pending, which is the most: expire one`,
      );
    }
    // A silence cannot hold back what was sent already.
    const startsMs = Math.max(draft.startsMs, nowMs);
    return this.#store({ ...draft, id: uuidOf(this.#options.newUlid()), startsMs, updatedMs: nowMs });
  }

  /**
   * Changes a silence. What it has said so far stays true: other matchers, or another beginning of one that is active,
   * end it and make a new one.
   * @returns the silence that is in force now; its id may be a new one
   * @throws AppError NOT_FOUND, BAD_REQUEST, LIMIT_EXCEEDED
   */
  change(id: string, draft: SilenceDraft): Silence {
    const nowMs = this.#options.wallMs();
    const before = this.#known(id);
    checkDraft(draft, nowMs);
    const isSame = JSON.stringify(before.matchers) === JSON.stringify(draft.matchers);
    const state = stateOf(before, nowMs);
    if (isSame && state === 'active' && draft.startsMs === before.startsMs) {
      return this.#store({ ...draft, id, updatedMs: nowMs });
    }
    if (isSame && state === 'pending') {
      return this.#store({ ...draft, id, startsMs: Math.max(draft.startsMs, nowMs), updatedMs: nowMs });
    }
    const created = this.create(draft);
    if (state !== 'expired') this.expire(id);
    return created;
  }

  /**
   * Ends a silence now; one that is over stays as it is.
   * @throws AppError NOT_FOUND
   */
  expire(id: string): Silence {
    const nowMs = this.#options.wallMs();
    const before = this.#known(id);
    if (stateOf(before, nowMs) === 'expired') return before;
    const ended = { ...before, startsMs: Math.min(before.startsMs, nowMs), endsMs: nowMs, updatedMs: nowMs };
    return this.#store(ended, () => false);
  }

  /** Forgets those that were over long ago; returns how many. */
  prune(): number {
    return Number(this.#sql.prune.run(this.#options.wallMs() - OVER_KEPT_MS).changes);
  }

  #known(id: string): Silence {
    const silence = this.get(id);
    if (silence === undefined)
      throw new AppError('NOT_FOUND', `silence ${JSON.stringify(id.slice(0, 64))} does not exist`);
    return silence;
  }

  #store(draft: Silence, fits = compile(draft.matchers)): Silence {
    const silence: Silence = {
      ...draft,
      createdBy: cleanText(draft.createdBy, NAME_LENGTH_MAX),
      comment: cleanText(draft.comment, COMMENT_LENGTH_MAX),
    };
    const { id, matchers, startsMs, endsMs, createdBy, comment, updatedMs } = silence;
    this.#sql.put.run(id, JSON.stringify(matchers), startsMs, endsMs, createdBy, comment, updatedMs);
    this.#live.set(silence.id, { silence, fits });
    return silence;
  }

  #compileStored({ id, matchers }: Silence): (labels: LabelValues) => boolean {
    try {
      return compile(matchers);
    } catch (error) {
      // It was in order once; a pattern that is no longer accepted must not keep the collector from starting.
      this.#options.log.error('silence cannot be used', { id, error: describeError(error) });
      return () => false;
    }
  }

  #forgetOver(nowMs: number): void {
    for (const [id, { silence }] of this.#live) {
      if (stateOf(silence, nowMs) === 'expired') this.#live.delete(id);
    }
  }
}

/** Where a silence stands at a moment. */
export function stateOf({ startsMs, endsMs }: Silence, nowMs: number): SilenceState {
  if (nowMs >= endsMs) return 'expired';
  return nowMs < startsMs ? 'pending' : 'active';
}

/** @throws AppError BAD_REQUEST */
function checkDraft({ matchers, startsMs, endsMs, createdBy }: SilenceDraft, nowMs: number): void {
  const refuse = (problem: string): never => {
    throw new AppError('BAD_REQUEST', `silence: ${problem}`);
  };
  if (matchers.length === 0)
    refuse('at least one matcher is needed; a maintenance window may take everything');
  if (matchers.length > MATCHERS_MAX) refuse(`${matchers.length} matchers, ${MATCHERS_MAX} are allowed`);
  if (matchers.every((matcher) => compile([matcher])({}))) {
    const texts = matchers.map(matcherText).join(', ');
    refuse(`at least one matcher must not fit an absent label, these all do: ${texts}`);
  }
  if (!(endsMs > startsMs)) refuse('endsAt must be after startsAt');
  if (!(endsMs > nowMs)) refuse(`endsAt must be in the future, ${instantText(endsMs)} is not`);
  if (createdBy.trim() === '') refuse('createdBy must say who made it');
}

const ULID_DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The 128 bits of a ULID as Alertmanager's clients expect an id. */
function uuidOf(ulid: string): string {
  const bits = Array.from(ulid).reduce((sum, digit) => sum * 32n + BigInt(ULID_DIGITS.indexOf(digit)), 0n);
  const hex = bits.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function silenceOf(raw: unknown): Silence {
  const row = silenceRow.parse(raw);
  return {
    id: row.id,
    matchers: row.matchers,
    startsMs: row.starts_ms,
    endsMs: row.ends_ms,
    createdBy: row.created_by,
    comment: row.comment,
    updatedMs: row.updated_ms,
  };
}

function prepare({ connection }: Database) {
  return {
    notOver: connection.prepare('SELECT * FROM silences WHERE ends_ms > ?'),
    all: connection.prepare('SELECT * FROM silences ORDER BY ends_ms DESC, id'),
    byId: connection.prepare('SELECT * FROM silences WHERE id = ?'),
    put: connection.prepare(`
      INSERT INTO silences (id, matchers, starts_ms, ends_ms, created_by, comment, updated_ms)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET matchers = excluded.matchers, starts_ms = excluded.starts_ms,
        ends_ms = excluded.ends_ms, created_by = excluded.created_by, comment = excluded.comment,
        updated_ms = excluded.updated_ms`),
    prune: connection.prepare('DELETE FROM silences WHERE ends_ms < ?'),
  };
}
