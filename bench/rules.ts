/**
 * What the stock rules cost on a fleet: the CPU time of one evaluation of each group, with what it records, over the time
 * between two of them; and what it costs to follow the ticks of the fleet. The store is filled directly and read as the
 * thread for rules reads it.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { decodeRecord } from '@rollcall/shared/protocol/record.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { ALERTING_LIMITS } from '../collector/src/alerting/limits.ts';
import { GroupEvaluator } from '../collector/src/alerting/rule-files/group.ts';
import { indexHosts, observeExpression } from '../collector/src/alerting/rules/observe.ts';
import { pacedByHold } from '../collector/src/alerting/rules/schedule.ts';
import { stockRules } from '../collector/src/alerting/rules/stock.ts';
import { readStockRules } from '../collector/src/alerting/stock-rules/stock-rules.ts';
import type { JournalSession } from '../collector/src/journal/journal.ts';
import { openJournal } from '../collector/src/journal/open-journal.ts';
import { openJournalReader } from '../collector/src/journal/reader.ts';
import { SchemaCache } from '../collector/src/journal/schema-cache.ts';
import { createQueryEngine } from '../collector/src/query/query.ts';
import { Labels } from '../collector/src/storage/labels.ts';
import { openFollowingReader, openStorage } from '../collector/src/storage/open.ts';
import { LaneSpool, SharedLane } from './fleet/shared-lane.ts';

const HELP = `npm run bench -- rules [--hosts 1000] [--minutes 15] [--only TEXT] [--json]

Takes about a minute of CPU at 1,000 hosts.

  --hosts    hosts with 203 series each
  --only     groups whose name contains this
  --minutes  of history that every host has; forecasts and the like look further back and find less
`;

const CPU_COUNT = 4;
const INTERVAL_MS = 10_000;
const RECORDS_PER_NOTE = 10;
/** Rounds of ticks that the thread reads from the journal while it runs. */
const FOLLOWED_TICKS = 5;
/** As in the thread for rules. */
const WINDOW_BYTES = 384 * 1024 * 1024;
const WINDOW_MS = 4_500_000;

interface GroupCost {
  readonly group: string;
  readonly rules: number;
  readonly intervalMs: number;
  readonly cpuMs: number;
  /** Of one core. */
  readonly share: number;
}

export async function rules(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '1000' },
      minutes: { type: 'string', default: '15' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size = {
    hosts: Number(values.hosts),
    ticks: Math.round((Number(values.minutes) * 60_000) / INTERVAL_MS),
    only: values.only,
  };
  using folder = tempDir();
  const costs = await measure(folder.path, size);
  if (values.json) process.stdout.write(`${JSON.stringify({ ...size, costs })}\n`);
  else print(size.hosts, costs);
}

async function measure(
  dir: string,
  { hosts, ticks, only }: { readonly hosts: number; readonly ticks: number; readonly only: string },
): Promise<readonly GroupCost[]> {
  const path = join(dir, 'journal.db');
  const schemas = new SchemaCache();
  const yieldToLoop = nextTurn;
  const journal = openJournal({
    path,
    clock: systemClock,
    log: silentLogger,
    randomBytes,
    yieldToLoop,
    schemas,
  });
  const ids = Array.from({ length: hosts }, () => randomBytes(16).toString('hex'));
  const identities = new Map(
    ids.map((id, i) => [
      id,
      [
        ['instance', `host-${i}`],
        ['job', 'node'],
      ] as const,
    ]),
  );
  const endMs = Date.now();
  const lane = new SharedLane(CPU_COUNT, INTERVAL_MS, endMs - (ticks - 1) * INTERVAL_MS);
  for (let tick = 0; tick < ticks; tick++) lane.tick(endMs - (ticks - 1 - tick) * INTERVAL_MS);
  const epochs = new LaneSpool(lane).epochs();
  const epoch = epochs[0]?.id;
  if (epoch === undefined) throw new Error('the shared lane has no epoch');
  const failed = (text: string): void => {
    throw new Error(`the journal failed: ${text}`);
  };
  const sessions: JournalSession[] = [];
  for (const agentId of ids)
    sessions.push(await journal.openSession({ agentId, epochs }, { committed() {}, failed }));
  for (const [at, bytes] of lane.records.entries()) {
    const wire = decodeRecord(bytes, 0);
    for (const session of sessions) session.apply(epoch, wire);
    await nextTurn();
    if (at % RECORDS_PER_NOTE === 0) note(`${at} of ${lane.records.length} records of each host`);
  }
  const shared = {
    identityOf: (id: string) => identities.get(id),
    identitiesVersion: () => 0,
    clock: systemClock,
    yieldToLoop,
  };
  const blocks = { disk: nodeDisk, dir: join(dir, 'blocks'), damaged() {} };
  const reading = openFollowingReader({
    ...shared,
    reader: openJournalReader({ path, schemas: new SchemaCache() }),
    blocks,
    limits: { windowBytes: WINDOW_BYTES, windowMs: WINDOW_MS },
  });
  const writing = openStorage('embedded', {
    ...shared,
    journal,
    reader: openJournalReader({ path, schemas }),
    randomBytes,
    windowHosts: 'own',
  });
  await writing.append(statesOf(hosts, endMs));
  const costs = await evaluate({ reading, writing, endMs, only });
  const cpuMs: number[] = [];
  for (let round = 1; round <= FOLLOWED_TICKS; round++) {
    const timeMs = endMs + round * INTERVAL_MS;
    const from = lane.records.length;
    lane.tick(timeMs);
    for (const bytes of lane.records.slice(from)) {
      for (const session of sessions) session.apply(epoch, decodeRecord(bytes, 0));
    }
    // What was applied before is committed with it.
    await writing.append(statesOf(hosts, timeMs));
    cpuMs.push(await cpuMsOf(() => reading.catchUp()));
  }
  const mean = cpuMs.reduce((sum, ms) => sum + ms, 0) / cpuMs.length;
  const following = { group: 'following the fleet', rules: 0, intervalMs: INTERVAL_MS };
  costs.push({ ...following, cpuMs: mean, share: mean / INTERVAL_MS });
  await writing.close();
  await journal.close();
  return costs;
}

/** What the collector says of its hosts. */
function statesOf(hosts: number, timeMs: number) {
  const series = (
    name: string,
    host: number,
    value: number,
    more: Readonly<Record<string, string>> = {},
  ) => ({
    labels: Labels.of({ __name__: name, instance: `host-${host}`, job: 'node', ...more }),
    samples: [{ timeMs, value }],
  });
  return Array.from({ length: hosts }, (_, host) => [
    series('up', host, 1),
    series('rollcall_host_state', host, 1, { state: 'up' }),
    series('rollcall_agent_backlog_seconds', host, 1),
    series('rollcall_samples_lost_total', host, 0),
  ]).flat();
}

async function evaluate({
  reading,
  writing,
  endMs,
  only,
}: {
  readonly reading: ReturnType<typeof openFollowingReader>;
  readonly writing: ReturnType<typeof openStorage>;
  readonly endMs: number;
  readonly only: string;
}): Promise<GroupCost[]> {
  const engine = createQueryEngine({ storage: reading, clock: systemClock });
  const never = new AbortController().signal;
  const query = async (expression: string, timeMs: number) => {
    await reading.catchUp();
    const { value } = await engine.instant(expression, { timeMs, isUnordered: true }, never);
    return value.kind === 'vector' ? value.samples : [];
  };
  const groups = readStockRules(nodeDisk).flatMap(({ name, groups: ofFile }) =>
    ofFile.map((group) => ({
      name: `${name} ${group.name}`,
      group,
      evaluator: new GroupEvaluator(group, {
        query,
        append: async (series) => void (await writing.append(series)),
      }),
    })),
  );
  const chosen = groups.filter(({ name }) => name.includes(only));
  // The first round loads what the thread keeps in memory, and records what the second one reads.
  for (const { name, evaluator } of chosen) {
    note(`first round: ${name}`);
    await evaluator.evaluate(endMs);
  }
  const costs: GroupCost[] = [];
  for (const { name, group, evaluator } of chosen) {
    note(`measured: ${name}`);
    const cpuMs = await cpuMsOf(async () => {
      const [failure] = await evaluator.evaluate(endMs + 1_000);
      if (failure !== undefined) throw new Error(`${failure.rule.name}: ${failure.reason.message}`);
    });
    const { intervalMs = 60_000 } = group;
    costs.push({ group: name, rules: group.rules.length, intervalMs, cpuMs, share: cpuMs / intervalMs });
  }
  for (const rule of stockRules()) {
    if (rule.source !== 'expression' || !rule.id.includes(only)) continue;
    const hosts = indexHosts([]);
    const observe = async (nowMs: number): Promise<void> =>
      void (await observeExpression(rule, {
        hosts,
        instances: [],
        nowMs,
        limits: ALERTING_LIMITS,
        query: (expression) => query(expression, nowMs),
      }));
    await observe(endMs);
    const cpuMs = await cpuMsOf(() => observe(endMs + 1_000));
    const intervalMs = pacedByHold(rule, ALERTING_LIMITS)?.intervalMs ?? ALERTING_LIMITS.evaluationIntervalMs;
    costs.push({ group: `settings ${rule.id}`, rules: 1, intervalMs, cpuMs, share: cpuMs / intervalMs });
  }
  return costs;
}

async function cpuMsOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Tells on the side how far it is. */
function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function print(hosts: number, costs: readonly GroupCost[]): void {
  process.stdout.write(`stock rules on ${hosts} hosts\n`);
  process.stdout.write('group                                    rules  every      CPU   of a core\n');
  const line = (name: string, rules_: number, every: string, cpuMs: number, share: number): void =>
    void process.stdout.write(
      `${name.padEnd(40)} ${String(rules_).padStart(5)} ${every.padStart(6)} ${`${cpuMs.toFixed(0)} ms`.padStart(8)} ${`${(share * 100).toFixed(2)} %`.padStart(11)}\n`,
    );
  for (const { group, rules: count, intervalMs, cpuMs, share } of costs.toSorted(
    (a, b) => b.share - a.share,
  )) {
    line(group, count, `${intervalMs / 1000} s`, cpuMs, share);
  }
  const sum = (of: (cost: GroupCost) => number): number => costs.reduce((total, cost) => total + of(cost), 0);
  line(
    'all',
    sum((cost) => cost.rules),
    '',
    sum(({ cpuMs }) => cpuMs),
    sum(({ share }) => share),
  );
}
