/** An alert that comes and goes is told a few times; then it must stay for a while to be told again. */
import type { StatementSync } from 'node:sqlite';
import type { Database } from '../../state/database.ts';
import type { Judge, Suppressor } from './suppression.ts';

const HOUR_MS = 3_600_000;

export class Flapping implements Suppressor {
  readonly #firesPerHourMax: number;
  readonly #count: StatementSync;

  /** @param firesPerHourMax how often the same alert is told within an hour */
  constructor(database: Database, firesPerHourMax: number) {
    this.#firesPerHourMax = firesPerHourMax;
    this.#count = database.connection.prepare(`
      SELECT count(*) AS count FROM incidents
      WHERE instance_key = (SELECT instance_key FROM incidents WHERE id = ?1) AND id <= ?1 AND opened_ms > ?2`);
  }

  at(nowMs: number): Judge {
    return {
      suppressionsOf: ({ incidentId }) => {
        const count = Number(this.#count.get(incidentId, nowMs - HOUR_MS)?.['count'] ?? 0);
        if (count <= this.#firesPerHourMax) return [];
        const reason = `flapping: fired ${count} times within an hour; told again when it stays`;
        return [{ kind: 'flapping', id: incidentId, reason }];
      },
    };
  }
}
