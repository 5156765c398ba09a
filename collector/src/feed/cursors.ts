/** How far each store has been fed, and what it did not take, in the collector's state. */
import type { Database } from '../state/database.ts';
import type { RefusedSamples } from '../storage/sink.ts';
import { FEED_LIMITS } from './limits.ts';

/** The place of a store in the journal. */
export interface Cursor {
  /** Everything up to here was confirmed by the store. */
  readonly pos: number;
  /** Everything up to here stays there, even if the store crashes now. */
  readonly settledPos: number;
  /** When the store's process started, UTC milliseconds; null while that is not known. */
  readonly startedMs: number | null;
}

const BEGINNING: Cursor = { pos: 0, settledPos: 0, startedMs: null };
/** Characters of labels that are kept for a dead letter. */
const LABELS_LENGTH_MAX = 2_048;

export class Cursors {
  readonly #database: Database;
  readonly #journalId: string;

  /** @param journalId names the journal that positions belong to; those of another one count for nothing */
  constructor(database: Database, journalId: string) {
    this.#database = database;
    this.#journalId = journalId;
  }

  /** A store that was never fed begins with the oldest record that the journal has. */
  read(store: string): Cursor {
    const row = this.#database.connection
      .prepare('SELECT pos, settled_pos, started_ms FROM feed_cursors WHERE store = ? AND journal = ?')
      .get(store, this.#journalId);
    if (row === undefined) return BEGINNING;
    const startedMs = row['started_ms'];
    return {
      pos: Number(row['pos']),
      settledPos: Number(row['settled_pos']),
      startedMs: typeof startedMs === 'number' ? startedMs : null,
    };
  }

  /** Moves the cursor and keeps what was refused on the way, both or neither. */
  save(
    store: string,
    { pos, settledPos, startedMs }: Cursor,
    letters: { readonly refused: readonly RefusedSamples[]; readonly nowMs: number },
  ): void {
    const { connection } = this.#database;
    this.#database.transaction(() => {
      connection
        .prepare(
          `INSERT INTO feed_cursors (store, journal, pos, settled_pos, started_ms) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (store) DO UPDATE SET journal = excluded.journal, pos = excluded.pos,
             settled_pos = excluded.settled_pos, started_ms = excluded.started_ms`,
        )
        .run(store, this.#journalId, pos, settledPos, startedMs);
      if (letters.refused.length > 0) this.#keep(store, letters);
    });
  }

  /** Forgets stores that are not fed any more; gives their names. */
  keepOnly(stores: readonly string[]): readonly string[] {
    const { connection } = this.#database;
    const known = connection
      .prepare('SELECT store FROM feed_cursors ORDER BY store')
      .all()
      .map((row) => String(row['store']));
    const gone = known.filter((store) => !stores.includes(store));
    this.#database.transaction(() => {
      for (const store of gone) {
        connection.prepare('DELETE FROM feed_cursors WHERE store = ?').run(store);
        connection.prepare('DELETE FROM feed_dead_letters WHERE store = ?').run(store);
      }
    });
    return gone;
  }

  /** Samples that the store, or any of them, did not take, newest first. */
  deadLetters(store: string | undefined): readonly DeadLetter[] {
    return this.#database.connection
      .prepare('SELECT * FROM feed_dead_letters WHERE ?1 IS NULL OR store = ?1 ORDER BY id DESC')
      .all(store ?? null)
      .map((row) => ({
        store: String(row['store']),
        notedMs: Number(row['noted_ms']),
        labels: String(row['labels']),
        reason: String(row['reason']),
        text: String(row['message']),
        samples: Number(row['samples']),
      }));
  }

  #keep(
    store: string,
    { refused, nowMs }: { readonly refused: readonly RefusedSamples[]; readonly nowMs: number },
  ): void {
    const { connection } = this.#database;
    const insert = connection.prepare(
      `INSERT INTO feed_dead_letters (store, noted_ms, labels, reason, message, samples) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    for (const { labels, reason, text, count } of refused.slice(-FEED_LIMITS.deadLettersMax)) {
      insert.run(store, nowMs, labels.toString().slice(0, LABELS_LENGTH_MAX), reason, text, count);
    }
    connection
      .prepare(
        `DELETE FROM feed_dead_letters WHERE store = ?1 AND id <= coalesce(
           (SELECT id FROM feed_dead_letters WHERE store = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0)`,
      )
      .run(store, FEED_LIMITS.deadLettersMax);
  }
}

export interface DeadLetter {
  readonly store: string;
  readonly notedMs: number;
  /** As PromQL writes them; empty when the store did not say which series. */
  readonly labels: string;
  readonly reason: string;
  readonly text: string;
  readonly samples: number;
}
