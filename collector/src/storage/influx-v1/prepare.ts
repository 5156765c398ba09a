/** Prepares a database of InfluxDB 1.x: the database, its retention, and continuous queries for rollups. */
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { Pool, RequestError } from 'influx/lib/src/pool.js';
import * as z from 'zod';
import { REQUEST_LIMITS } from '../line-protocol/line-sink.ts';
import {
  refusedBy,
  unreachable,
  type PreparationOptions,
  type PreparationStep,
  type Rollup,
} from '../preparation.ts';

export interface InfluxV1Address {
  readonly url: string;
  readonly database: string;
  readonly retentionPolicy?: string | undefined;
  readonly auth?: string | undefined;
}

/** The retention policy that is made with a new database. */
const POLICY = 'raw';

/**
 * Creates what is missing and leaves alone what is there.
 * @throws AppError STORAGE_UNAVAILABLE (no answer), STORE_REFUSED (rights, password, another product or version)
 */
export async function prepareInfluxV1(
  address: InfluxV1Address,
  options: PreparationOptions,
): Promise<readonly PreparationStep[]> {
  const { database, retentionPolicy = POLICY } = address;
  const server = new Server(address, options.signal);
  const steps: PreparationStep[] = [
    { what: `server at ${address.url}`, outcome: 'exists', text: await server.version() },
  ];
  const create = async (what: string, text: string, command: string): Promise<void> => {
    if (!options.isDryRun) await server.run(what, command);
    steps.push({ what, outcome: options.isDryRun ? 'planned' : 'created', text });
  };
  const databases = await server.names('list the databases', 'SHOW DATABASES');
  const isNew = !databases.includes(database);
  if (isNew) {
    await create(
      `database ${database}`,
      `with the retention policy ${retentionPolicy}, ${spanOf(options.retentionMs)} in shards of 1d`,
      `CREATE DATABASE ${quoted(database)} WITH DURATION ${spanOf(options.retentionMs)} REPLICATION 1 SHARD DURATION 1d NAME ${quoted(retentionPolicy)}`,
    );
  } else {
    steps.push({ what: `database ${database}`, outcome: 'exists', text: 'left as it is' });
  }
  const known =
    isNew && options.isDryRun
      ? [retentionPolicy]
      : await server.names('list the retention policies', `SHOW RETENTION POLICIES ON ${quoted(database)}`);
  if (address.retentionPolicy !== undefined && !known.includes(retentionPolicy)) {
    await create(
      `retention policy ${retentionPolicy}`,
      spanOf(options.retentionMs),
      `CREATE RETENTION POLICY ${quoted(retentionPolicy)} ON ${quoted(database)} DURATION ${spanOf(options.retentionMs)} REPLICATION 1 SHARD DURATION 1d`,
    );
  }
  const queries = isNew && options.isDryRun ? [] : await server.continuousQueries(database);
  // Samples go where the configuration says, and to the policy that the database prefers when it says nothing.
  const source = address.retentionPolicy ?? (isNew ? retentionPolicy : await server.defaultPolicy(database));
  for (const rollup of options.rollups) {
    if (!known.includes(rollup.name)) {
      await create(
        `retention policy ${rollup.name}`,
        spanOf(rollup.retentionMs),
        `CREATE RETENTION POLICY ${quoted(rollup.name)} ON ${quoted(database)} DURATION ${spanOf(rollup.retentionMs)} REPLICATION 1`,
      );
    }
    const name = `rollcall_${rollup.name}`;
    if (queries.includes(name))
      steps.push({ what: `continuous query ${name}`, outcome: 'exists', text: 'left as it is' });
    else
      await create(
        `continuous query ${name}`,
        `mean, max and last of every field in ${rollup.name}, into the retention policy ${rollup.name}`,
        rollupQuery(name, rollup, { database, source }),
      );
  }
  return steps;
}

function rollupQuery(
  name: string,
  { name: step }: Rollup,
  { database, source }: { readonly database: string; readonly source: string },
): string {
  const target = `${quoted(database)}.${quoted(step)}.:MEASUREMENT`;
  return (
    `CREATE CONTINUOUS QUERY ${quoted(name)} ON ${quoted(database)} BEGIN ` +
    `SELECT mean(*), max(*), last(*) INTO ${target} FROM ${quoted(database)}.${quoted(source)}./.*/ ` +
    `GROUP BY time(${step}), * END`
  );
}

const answerSchema = z.object({
  results: z.array(
    z.object({
      error: z.string().optional(),
      series: z
        .array(
          z.object({
            name: z.string().optional(),
            columns: z.array(z.string()),
            values: z.array(z.array(z.unknown())).optional(),
          }),
        )
        .optional(),
    }),
  ),
});

class Server {
  readonly #address: InfluxV1Address;
  readonly #pool: Pool;
  readonly #signal: AbortSignal;

  constructor(address: InfluxV1Address, signal: AbortSignal) {
    this.#address = address;
    this.#signal = signal;
    this.#pool = new Pool({ maxRetries: 0, requestTimeout: REQUEST_LIMITS.totalMs });
    this.#pool.addHost(address.url);
  }

  /** Its name and version. */
  async version(): Promise<string> {
    const { url } = this.#address;
    const path = `${new URL(url).pathname.replace(/\/$/, '')}/ping`;
    const [answer] = await this.#pool.ping(REQUEST_LIMITS.totalMs, path);
    if (answer === undefined || answer.rtt === Number.POSITIVE_INFINITY)
      throw unreachable(url, 'no answer to /ping');
    const version = answer.version ?? '';
    if (/^v?1\./.test(version)) return `InfluxDB ${version}`;
    const hint = /^v?[23]\./.test(version) ? 'use kind: influx-v2' : 'is it InfluxDB?';
    throw refusedBy(`use ${url} as InfluxDB 1.x`, `it says it has version ${version || 'none'}; ${hint}`);
  }

  async names(what: string, query: string): Promise<readonly string[]> {
    const series = await this.run(what, query, 'GET');
    return series.flatMap(({ columns, values = [] }) =>
      values.map((row) => textAt(row, columns.indexOf('name'))),
    );
  }

  async defaultPolicy(database: string): Promise<string> {
    const [series] = await this.run(
      'list the retention policies',
      `SHOW RETENTION POLICIES ON ${quoted(database)}`,
      'GET',
    );
    const at = series?.columns.indexOf('default') ?? -1;
    const row = series?.values?.find((candidate) => candidate[at] === true);
    return row === undefined ? 'autogen' : textAt(row, series?.columns.indexOf('name') ?? 0);
  }

  async continuousQueries(database: string): Promise<readonly string[]> {
    const series = await this.run('list the continuous queries', 'SHOW CONTINUOUS QUERIES', 'GET');
    return series
      .filter(({ name }) => name === database)
      .flatMap(({ columns, values = [] }) => values.map((row) => textAt(row, columns.indexOf('name'))));
  }

  /** Runs a statement; what changes something must be POSTed. */
  async run(what: string, query: string, method: 'GET' | 'POST' = 'POST') {
    const { url, auth } = this.#address;
    const identity = auth === undefined ? {} : { auth };
    const request =
      method === 'GET' ? { query: { q: query } } : { body: String(new URLSearchParams({ q: query })) };
    let text: string;
    try {
      text = await this.#pool.text({ method, path: '/query', signal: this.#signal, ...request, ...identity });
    } catch (error) {
      if (!(error instanceof RequestError)) throw unreachable(url, describeError(error));
      throw refusedBy(what, `${error.res.statusCode ?? 0}: ${meaningOf(error.message)}`);
    }
    const answer = answerSchema.safeParse(jsonOf(text));
    if (!answer.success) throw refusedBy(what, `${url} does not answer as InfluxDB does`);
    const [result] = answer.data.results;
    if (result?.error !== undefined) throw refusedBy(what, meaningOf(result.error));
    return result?.series ?? [];
  }
}

function textAt(row: readonly unknown[], at: number): string {
  const value = row[at];
  return typeof value === 'string' ? value : '';
}

function meaningOf(text: string): string {
  const error =
    /"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.replace(/^A \d+ .*? error occurred: /s, '');
  return cleanText(error.trim(), REQUEST_LIMITS.textMax);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A name in InfluxQL. */
function quoted(name: string): string {
  return `"${name.replaceAll(/[\\"]/g, '\\$&')}"`;
}

/** A duration in InfluxQL; InfluxDB has none below an hour. */
function spanOf(spanMs: number): string {
  return `${Math.max(1, Math.round(spanMs / 3_600_000))}h`;
}
