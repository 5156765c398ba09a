/** What is stored of the settings of agents. The command line writes what is wanted here while the collector runs. */
import type { StatementSync } from 'node:sqlite';
import { readSettings, settingsFields, type AgentSettings } from '@rollcall/shared/protocol/agent-config.ts';
import { JsonReader, parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import type { Database } from '../state/database.ts';
import { integerOf, textOf, type Row } from './row.ts';

/** ring: the first hosts try them · stopped: too many of those refused · done: all hosts are offered them */
const STAGES = ['ring', 'stopped', 'done'] as const;
export type RolloutStage = (typeof STAGES)[number];

/** What is wanted of all hosts. */
export interface FleetConfig {
  /** Grows with whatever a person changes, for single hosts too. */
  readonly change: number;
  readonly stage: RolloutStage;
  /** Offered to hosts that are not in the ring. */
  readonly released: AgentSettings;
  readonly wanted: AgentSettings;
  /** Ids of the hosts that try `wanted` first. */
  readonly ring: readonly string[];
}

const OFFER_STATES = ['offered', 'applied', 'rejected'] as const;

/** What a host was offered last, and what it said. */
export interface Offer {
  readonly version: number;
  /** As `settingsText` writes them; '' is what nobody wants, so that the next look makes a new version. */
  readonly settings: string;
  readonly state: (typeof OFFER_STATES)[number];
  /** Why it was rejected, one of CONFIG_REFUSALS; '' otherwise, like the text for people. */
  readonly reason: string;
  readonly text: string;
  /** When the state became so. */
  readonly changedMs: number;
}

/** The same text for the same settings. */
export function settingsText(settings: AgentSettings): string {
  return JSON.stringify(settingsFields(settings));
}

/** @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED when it is not what `settingsText` wrote */
export function settingsOf(text: string): AgentSettings {
  return readSettings(new JsonReader(parseJsonObject(Buffer.from(text)), 'settings'));
}

export class AgentConfigStore {
  readonly #database: Database;
  readonly #offer: StatementSync;
  readonly #change: StatementSync;
  readonly #isHost: StatementSync;

  constructor(database: Database) {
    this.#database = database;
    const { connection } = database;
    this.#offer = connection.prepare('SELECT * FROM agent_config_offers WHERE host_id = ?');
    this.#isHost = connection.prepare('SELECT 1 FROM hosts WHERE id = ?');
    this.#change = connection.prepare('SELECT change FROM agent_config_fleet');
  }

  transaction<T>(work: () => T): T {
    return this.#database.transaction(work);
  }

  /** The newest change; some microseconds. */
  get change(): number {
    const row = this.#change.get();
    return row === undefined ? 0 : integerOf(row, 'change');
  }

  fleet(): FleetConfig {
    const row = this.#database.connection.prepare('SELECT * FROM agent_config_fleet').get();
    if (row === undefined) return { change: 0, stage: 'done', released: {}, wanted: {}, ring: [] };
    const ring: unknown = JSON.parse(textOf(row, 'ring'));
    const stageText = textOf(row, 'stage');
    return {
      change: integerOf(row, 'change'),
      stage: STAGES.find((stage) => stage === stageText) ?? 'stopped',
      released: settingsOf(textOf(row, 'released')),
      wanted: settingsOf(textOf(row, 'wanted')),
      ring: Array.isArray(ring) ? ring.map(String) : [],
    };
  }

  /** Keeps how far the change of `fleet` has come; does nothing when there is a newer change. */
  saveProgress({ change, stage, released, ring }: FleetConfig): void {
    this.#database.connection
      .prepare('UPDATE agent_config_fleet SET stage = ?, released = ?, ring = ? WHERE change = ?')
      .run(stage, settingsText(released), JSON.stringify(ring), change);
  }

  /** Wants these of all hosts, of a first ring of them at first. Hosts that refused before are asked again. */
  wantOfAll(settings: AgentSettings): void {
    this.transaction(() => {
      this.#database.connection
        .prepare(
          `UPDATE agent_config_fleet SET change = change + 1, wanted = ?1, ring = '[]',
             stage = CASE WHEN released = ?1 THEN 'done' ELSE 'ring' END`,
        )
        .run(settingsText(settings));
      this.#database.connection.exec(`UPDATE agent_config_offers SET settings = '' WHERE state = 'rejected'`);
    });
  }

  /** Wants these of one host, beyond what is wanted of all. */
  wantOf(hostId: string, settings: AgentSettings): void {
    const { connection } = this.#database;
    this.transaction(() => {
      connection.exec('UPDATE agent_config_fleet SET change = change + 1');
      connection
        .prepare(
          `INSERT INTO agent_config_wanted (host_id, settings, change) VALUES (?1, ?2, ?3)
           ON CONFLICT (host_id) DO UPDATE SET settings = ?2, change = ?3`,
        )
        .run(hostId, settingsText(settings), this.change);
      connection
        .prepare(`UPDATE agent_config_offers SET settings = '' WHERE host_id = ? AND state = 'rejected'`)
        .run(hostId);
    });
  }

  /** What is wanted of one host beyond what is wanted of all. */
  wantedOf(hostId: string): AgentSettings {
    const row = this.#database.connection
      .prepare('SELECT settings FROM agent_config_wanted WHERE host_id = ?')
      .get(hostId);
    return row === undefined ? {} : settingsOf(textOf(row, 'settings'));
  }

  /** Hosts of which something else is wanted since that change, and those that are to be asked again. */
  hostsChangedAfter(change: number): readonly string[] {
    return this.#database.connection
      .prepare(
        `SELECT host_id FROM agent_config_wanted WHERE change > ?
         UNION SELECT host_id FROM agent_config_offers WHERE settings = ''`,
      )
      .all(change)
      .map((row) => textOf(row, 'host_id'));
  }

  isHost(hostId: string): boolean {
    return this.#isHost.get(hostId) !== undefined;
  }

  offerOf(hostId: string): Offer | undefined {
    const row = this.#offer.get(hostId);
    return row === undefined ? undefined : offerIn(row);
  }

  putOffer(hostId: string, { version, settings, state, reason, text, changedMs }: Offer): void {
    this.#database.connection
      .prepare('INSERT OR REPLACE INTO agent_config_offers VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(hostId, version, settings, state, reason, text, changedMs);
  }
}

function offerIn(row: Row): Offer {
  const stateText = textOf(row, 'state');
  return {
    version: integerOf(row, 'version'),
    settings: textOf(row, 'settings'),
    state: OFFER_STATES.find((state) => state === stateText) ?? 'offered',
    reason: textOf(row, 'reason'),
    text: textOf(row, 'text'),
    changedMs: integerOf(row, 'changed_ms'),
  };
}
