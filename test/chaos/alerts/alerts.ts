/**
 * `kill -9` of a real collector again and again while alerts come and go and its receivers misbehave. Afterwards the
 * receivers are well, everything is delivered that can be, and the verdict is spoken.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { jsonColumn, labelsSchema } from '../../../collector/src/alerting/incidents/transition.ts';
import { ALERTING_LIMITS } from '../../../collector/src/alerting/limits.ts';
import { freePort } from '../../harness/ports.ts';
import {
  runCollectorCommand,
  startCollector,
  waitFor,
  type RunningCollector,
} from '../../harness/processes.ts';
import { Random } from '../../simulation/random.ts';
import { Flips, RULE, RULES } from './flips.ts';
import { startReceivers, type Receivers } from './receivers.ts';
import { judge, type AlertVerdict, type WrittenRow, type WrittenTransition } from './verdict.ts';

/** The row of this scenario. */
export const ALERTS = 'ALERTS';

/** Changes of series in a round, and about how many there are in a second while the collector runs. */
const FLIPS_PER_ROUND = 4;
const FLIPS_PER_SECOND = 10;
const ROUND_MS = 200;
/** Share of the lives that end before the first rule is evaluated: reader threads take seconds to start. */
const KILLED_EARLY = 0.2;
const FLIPPED_MS_MAX = 900_000;
/** Rows that failed often wait for minutes. */
const SETTLED_MS_MAX = 600_000;

export interface AlertChaosOutcome {
  readonly verdict: AlertVerdict;
  readonly kills: number;
  readonly transitions: number;
  /** What came to the receivers, repeats included. */
  readonly messages: number;
  /** From the healing of the receivers until nothing waited. */
  readonly settledMs: number;
}

export class AlertStage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rollcall-chaos-'));
  readonly #random: Random;
  readonly #flips: Flips;
  readonly #killsWanted: number;
  readonly #transitionsWanted: number;
  #receivers: Receivers | undefined;
  #collector: RunningCollector | undefined;
  #token = '';
  #flags: readonly string[] = [];
  #kills = 0;

  /** @param kills how many there are at least; `transitions` of the alerts that are watched, at least */
  constructor(options: { readonly transitions: number; readonly kills: number; readonly seed: number }) {
    this.#random = new Random(options.seed, 'alerts');
    this.#flips = new Flips(options.transitions, this.#random);
    this.#killsWanted = options.kills;
    this.#transitionsWanted = options.transitions;
  }

  async play(): Promise<AlertChaosOutcome> {
    const receivers = await startReceivers(this.#random);
    this.#receivers = receivers;
    await this.#prepare(receivers);
    await this.#suffer();
    receivers.heal();
    const healedMs = Date.now();
    await this.#settled();
    const settledMs = Date.now() - healedMs;
    await this.#collector?.stop();
    this.#collector = undefined;
    const written = readWritten(join(this.#folder, 'collector', 'state.db'));
    const verdict = judge({
      ...written,
      flips: this.#flips.bySeries,
      receivers: receivers.names,
      arrivals: receivers.arrivals,
      repeatsMax: this.#kills * receivers.names.length * ALERTING_LIMITS.concurrencyPerReceiver,
    });
    return {
      verdict,
      kills: this.#kills,
      transitions: written.transitions.length,
      messages: receivers.arrivals.length,
      settledMs,
    };
  }

  /** Takes everything back; may be called twice. */
  async close(): Promise<void> {
    await this.#collector?.stop('SIGKILL').catch(() => null);
    this.#collector = undefined;
    this.#receivers?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #prepare(receivers: Receivers): Promise<void> {
    const dataDir = join(this.#folder, 'collector');
    const rulesDir = join(this.#folder, 'rules');
    const configFile = join(this.#folder, 'collector.yaml');
    mkdirSync(rulesDir);
    writeFileSync(join(rulesDir, 'chaos.yml'), RULES);
    const config = {
      'allow-private-targets': ['127.0.0.0/8'],
      'allow-target-ports': [receivers.port],
      'stock-rules': 'off',
      'rule-interval': '500ms',
      'rules-dir': rulesDir,
      receivers: receivers.names.map((name) => ({ name, kind: 'webhook', url: receivers.urlOf(name) })),
    };
    writeFileSync(configFile, JSON.stringify(config));
    const listen = `127.0.0.1:${await freePort()}`;
    this.#flags = ['--config', configFile, '--log-level', 'warn', '--listen', listen];
    await this.#start();
    const access = ['access', 'create', 'chaos', '--scope', 'write', '--data-dir', dataDir];
    this.#token = runCollectorCommand(access).stdout.trim();
  }

  async #start(): Promise<void> {
    this.#collector = await startCollector(join(this.#folder, 'collector'), this.#flags);
  }

  /** Series go to and fro, and the collector is killed, until every change was seen. */
  async #suffer(): Promise<void> {
    const untilMs = Date.now() + FLIPPED_MS_MAX;
    const lifeMsMean = ((this.#transitionsWanted / FLIPS_PER_SECOND) * 1000) / (this.#killsWanted + 1);
    while (!this.#flips.isOver || this.#kills < this.#killsWanted) {
      if (Date.now() > untilMs) throw new Error(`only ${this.#flips.made} changes of series in time`);
      await this.#live(this.#random.isTrue(KILLED_EARLY) ? 0 : lifeMsMean * (0.5 + this.#random.next()));
      if (this.#flips.isOver && this.#kills >= this.#killsWanted) return;
      await this.#collector?.stop('SIGKILL');
      this.#kills++;
      await this.#start();
    }
  }

  /** So long from the first change that is seen on, or until nothing is left to change; 0 is one round in all. */
  async #live(forMs: number): Promise<void> {
    let untilMs = forMs === 0 ? Date.now() : Infinity;
    do {
      this.#flips.flip(FLIPS_PER_ROUND);
      const url = this.#collector?.url ?? '';
      await this.#flips.push(url, this.#token);
      // The kill hits any moment between a push and what it brings about.
      await pause(ROUND_MS * this.#random.next());
      const hasSeen = await this.#flips.look(url);
      if (hasSeen && untilMs === Infinity) untilMs = Date.now() + forMs;
    } while (Date.now() < untilMs && !this.#flips.isOver);
  }

  async #settled(): Promise<void> {
    const isSettled = async (): Promise<true | undefined> => {
      const url = this.#collector?.url ?? '';
      // Without samples the alerts would not be known to be over.
      await this.#flips.push(url, this.#token);
      await pause(ROUND_MS);
      const text = await (await fetch(`${url}/metrics`)).text();
      const counts = [...text.matchAll(/^rollcall_outbox_unsent\{.*\} (\d+)$/gm)].map(([, count]) =>
        Number(count),
      );
      return counts.length > 0 && counts.every((count) => count === 0) ? true : undefined;
    };
    await waitFor('the outbox to be empty', isSettled, SETTLED_MS_MAX);
  }
}

const transitionRow = z.object({
  id: z.string(),
  incident_id: z.string(),
  sequence: z.number(),
  kind: z.string(),
  rule: z.string(),
  labels: jsonColumn(labelsSchema),
});
const outboxRow = z.object({
  transition_id: z.string(),
  incident_id: z.string(),
  receiver: z.string(),
  status: z.string(),
  last_error: z.string().nullable(),
  digest: z.string().nullable(),
});

/** What the database of a collector that does not run says. */
function readWritten(path: string): {
  readonly transitions: readonly WrittenTransition[];
  readonly rows: readonly WrittenRow[];
} {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const transitions = database
      .prepare(
        `SELECT t.id, t.incident_id, t.sequence, t.kind, i.rule, i.labels
        FROM transitions AS t JOIN incidents AS i ON i.id = t.incident_id ORDER BY t.incident_id, t.sequence`,
      )
      .all()
      .map((raw) => {
        const { id, incident_id: incidentId, sequence, kind, rule, labels } = transitionRow.parse(raw);
        const series = rule === RULE ? (labels['series'] ?? '') : null;
        return { id, incidentId, sequence, kind, series };
      });
    const rows = database
      .prepare('SELECT transition_id, incident_id, receiver, status, last_error, digest FROM outbox')
      .all()
      .map((raw) => {
        const row = outboxRow.parse(raw);
        const { transition_id: transitionId, incident_id: incidentId, receiver, status, digest } = row;
        return { transitionId, incidentId, receiver, status, digest, reason: row.last_error };
      });
    return { transitions, rows };
  } finally {
    database.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((wake) => {
    setTimeout(wake, ms);
  });
}
