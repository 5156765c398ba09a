/**
 * The inventory of the hosts: sections as the agents sent them, each kept once however many hosts have the same, and
 * which host had which from when on.
 */
import { promisify } from 'node:util';
import { deflateRaw, inflateRawSync } from 'node:zlib';
import {
  sectionHash,
  type InventoryRecord,
  type InventoryValue,
} from '@rollcall/shared/inventory/canonical.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { isJsonObject, parseJsonObject, type JsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { SectionHashes } from '@rollcall/shared/protocol/messages.ts';
import type { InventorySection } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import { bytesOf, integerOf, textOf, type Row } from './row.ts';

/** Versions of one section that are kept per host; older ones are forgotten. */
const VERSIONS_MAX = 200;
const TEXT_LENGTH_MAX = 64 * 1024;

const deflate = promisify(deflateRaw);

/** One version of a section of a host. */
export interface InventoryVersion {
  readonly section: string;
  readonly hash: string;
  /** Wall clock; it held until the next version of the same section. */
  readonly fromMs: number;
}

export class Inventory {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /**
   * Takes note of what a host has. Sections whose content is known need not travel.
   * @returns the names of the sections whose content is needed
   */
  missing(hostId: string, have: SectionHashes): string[] {
    const isKnown = this.#database.connection.prepare('SELECT 1 FROM inventory_blobs WHERE hash = ?');
    const known = [...have].filter(([, hash]) => isKnown.get(hash) !== undefined);
    this.#database.transaction(() => {
      for (const [section, hash] of known) this.#noteVersion(hostId, section, hash);
    });
    const knownNames = new Set(known.map(([section]) => section));
    return [...have.keys()].filter((section) => !knownNames.has(section));
  }

  /**
   * Stores the content of a section.
   * @param section.bytes canonical JSON, at most 8 MiB; not kept
   * @throws AppError PROTOCOL_ERROR when the bytes do not have the hash, or are no JSON object without forbidden keys;
   *   LIMIT_EXCEEDED when they are too large or nested too deep. Nothing is stored then
   */
  async store(
    hostId: string,
    section: { readonly name: string; readonly hash: string; readonly bytes: Uint8Array },
  ): Promise<void> {
    if (sectionHash(section.bytes) !== section.hash) {
      throw new AppError(
        'PROTOCOL_ERROR',
        `inventory section ${section.name} does not have the announced hash`,
      );
    }
    parseJsonObject(section.bytes, LIMITS.inventoryBytes);
    const deflated = await deflate(section.bytes);
    this.#database.transaction(() => {
      this.#database.connection
        .prepare('INSERT OR IGNORE INTO inventory_blobs (hash, deflated) VALUES (?, ?)')
        .run(section.hash, deflated);
      this.#noteVersion(hostId, section.name, section.hash);
    });
  }

  /** The newest version of each section, by name. Empty for an unknown host. */
  latest(hostId: string): InventorySection[] {
    return this.#database.connection
      .prepare(
        `SELECT section, h.hash, from_ms, deflated FROM inventory_history h JOIN inventory_blobs USING (hash)
         WHERE h.id IN (SELECT max(id) FROM inventory_history WHERE host_id = ? GROUP BY section) ORDER BY section`,
      )
      .all(hostId)
      .map((row) => ({
        name: textOf(row, 'section'),
        hash: textOf(row, 'hash'),
        receivedMs: integerOf(row, 'from_ms'),
        content: contentOf(row),
      }));
  }

  sectionNames(hostId: string): string[] {
    return this.#database.connection
      .prepare('SELECT DISTINCT section FROM inventory_history WHERE host_id = ? ORDER BY section')
      .all(hostId)
      .map((row) => textOf(row, 'section'));
  }

  /** All versions of one section, or of all, newest first. */
  history(hostId: string, section?: string): InventoryVersion[] {
    return this.#database.connection
      .prepare(
        `SELECT section, hash, from_ms FROM inventory_history
         WHERE host_id = ?1 AND (?2 IS NULL OR section = ?2) ORDER BY id DESC`,
      )
      .all(hostId, section ?? null)
      .map((row) => ({
        section: textOf(row, 'section'),
        hash: textOf(row, 'hash'),
        fromMs: integerOf(row, 'from_ms'),
      }));
  }

  /** The content that `hash` stands for, undefined when none is kept. */
  content(hash: string): InventoryRecord | undefined {
    const row = this.#database.connection
      .prepare('SELECT deflated FROM inventory_blobs WHERE hash = ?')
      .get(hash);
    return row === undefined ? undefined : contentOf(row);
  }

  /** Removes contents that no host refers to any more; for once a day. Returns how many. */
  prune(): number {
    const { changes } = this.#database.connection
      .prepare('DELETE FROM inventory_blobs WHERE hash NOT IN (SELECT hash FROM inventory_history)')
      .run();
    return Number(changes);
  }

  #noteVersion(hostId: string, section: string, hash: string): void {
    const { connection } = this.#database;
    const newest = connection
      .prepare(
        'SELECT hash FROM inventory_history WHERE host_id = ? AND section = ? ORDER BY id DESC LIMIT 1',
      )
      .get(hostId, section);
    if (newest !== undefined && textOf(newest, 'hash') === hash) return;
    // A host that was deleted while its section travelled must not fail.
    connection
      .prepare(
        `INSERT INTO inventory_history (host_id, section, hash, from_ms)
         SELECT id, ?2, ?3, ?4 FROM hosts WHERE id = ?1`,
      )
      .run(hostId, section, hash, this.#clock.wallMs());
    connection
      .prepare(
        `DELETE FROM inventory_history WHERE host_id = ?1 AND section = ?2 AND id <= (
           SELECT id FROM inventory_history WHERE host_id = ?1 AND section = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)`,
      )
      .run(hostId, section, VERSIONS_MAX);
  }
}

function contentOf(row: Row): InventoryRecord {
  const bytes = inflateRawSync(bytesOf(row, 'deflated'), { maxOutputLength: LIMITS.inventoryBytes });
  return cleanRecord(parseJsonObject(bytes, LIMITS.inventoryBytes));
}

/** The content as it may be shown: no control characters in keys or texts. */
function cleanRecord(object: JsonObject): InventoryRecord {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [cleanText(key, TEXT_LENGTH_MAX), cleanValue(value)]),
  );
}

function cleanValue(value: unknown): InventoryValue {
  if (typeof value === 'string') return cleanText(value, TEXT_LENGTH_MAX);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(cleanValue);
  return isJsonObject(value) ? cleanRecord(value) : null;
}
