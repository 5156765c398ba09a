/** Queries that are meant to hurt, and a way to see whether agents notice. */
import { enrollFleet } from '../../bench/fleet/fleet.ts';
import type { SimulatedAgent } from '../../bench/fleet/agent.ts';
import { createToken, startCollector, waitFor, type RunningCollector } from './processes.ts';

/** A request to the query API. */
export interface QueryForm {
  readonly path: 'query' | 'query_range' | 'series' | 'labels';
  readonly parameters: Readonly<Record<string, string>>;
}

/** A collector with agents that have reported for half an hour. */
export interface Target {
  readonly url: string;
  readonly collector: RunningCollector;
  readonly agents: readonly SimulatedAgent[];
  stop(): Promise<void>;
}

const INTERVAL_MS = 10_000;
const TICKS = 180;

export async function startTarget(dataDir: string, { hosts }: { readonly hosts: number }): Promise<Target> {
  const collector = await startCollector(dataDir, ['--log-level', 'warn']);
  const agents = await enrollFleet({
    url: collector.url,
    token: createToken(dataDir, ['--uses', String(hosts)]),
    count: hosts,
    intervalMs: INTERVAL_MS,
    cpuCount: 4,
  });
  const nowMs = Date.now();
  for (let tick = TICKS; tick > 0; tick--) for (const agent of agents) agent.tick(nowMs - tick * INTERVAL_MS);
  for (const agent of agents) agent.connect();
  await acknowledged(agents, 60_000);
  const stop = async (): Promise<void> => {
    await Promise.all(agents.map((agent) => agent.disconnect()));
    await collector.stop();
  };
  return { url: collector.url, collector, agents, stop };
}

async function acknowledged(agents: readonly SimulatedAgent[], timeoutMs: number): Promise<void> {
  const isDone = (): true | undefined => agents.every((agent) => agent.unackedRecords === 0) || undefined;
  await waitFor('every record to be acknowledged', isDone, timeoutMs);
}

/** By name; none of them is answered quickly by a program that is not prepared. */
export function hostileQueries(): readonly (readonly [name: string, form: QueryForm])[] {
  const nowS = Math.floor(Date.now() / 1000);
  const instant = (query: string, more: Readonly<Record<string, string>> = {}): QueryForm => ({
    path: 'query',
    parameters: { query, ...more },
  });
  const range = (query: string, seconds: number, step: string): QueryForm => ({
    path: 'query_range',
    parameters: { query, start: String(nowS - seconds), end: String(nowS), step },
  });
  const any = '{__name__=~".+"}';
  const names = Array.from({ length: 12_000 }, (_, i) => `a${i}`).join(',');
  return [
    ['an expression of 100 kB', instant(`${'1 + '.repeat(25_000)}1`)],
    ['100 kB of parentheses', instant('('.repeat(100_000))],
    ['ten thousand nested functions', instant(`${'abs('.repeat(10_000)}up${')'.repeat(10_000)}`)],
    ['ten thousand signs', instant(`${'-'.repeat(10_000)}1`)],
    ['a list of 50,000 alternatives', instant(`up{instance=~"${'abcdefgh|'.repeat(7_000)}x"}`)],
    ['an exponential pattern', instant(`count({instance=~"(a*)*(a|aa)+(.*)*x{1,500}$"})`)],
    ['a pattern with huge repeats', instant('up{instance=~"((a{1000}){1000}){1000}"}')],
    ['a pattern of nested classes', instant(`up{instance=~"${'(x+x+)+'.repeat(2_000)}y"}`)],
    [
      'a replacement with a hostile pattern',
      instant(`label_replace(${any}, "a", "$1", "__name__", "(.*)*x")`),
    ],
    ['a hundred years at once', range(any, 3_153_600_000, '1y')],
    ['too many points', range('up', 86_400, '1ms')],
    ['every series at every second', range(`rate(${any}[30m])`, 1_800, '1s')],
    ['a window of a hundred years', instant(`quantile_over_time(0.5, ${any}[100y])`)],
    [
      'subqueries in subqueries',
      instant(`sum(max_over_time(max_over_time(max_over_time(${any}[30m:1s])[30m:1s])[30m:1s]))`),
    ],
    ['a subquery of every millisecond', instant('max_over_time(vector(1)[1y:1ms])')],
    ['a subquery of forty million steps', instant('count_over_time(vector(time())[11h:1ms])')],
    ['a label that doubles forty times', instant(doubled('up', 40))],
    ['labels of a million characters', instant(joined(any, 20_000))],
    ['a pattern that unrolls', instant(`up{instance=~"${'.{0,1000}'.repeat(200)}x"}`)],
    ['three thousand patterns', instant(`{__name__=~".+",${'instance!~".*a.*b.*c",'.repeat(3_000)}}`)],
    [
      'twelve thousand labels to copy',
      instant(`${any} * on (__name__, instance) group_left (${names}) ${any}`),
    ],
    ['a product of everything with everything', instant(`${any} * on () group_left () ${any}`)],
    ['very many distinct values', range(`count_values("v", ${any} * time())`, 1_800, '5s')],
    ['infinities and NaN', instant('(1/0 - 1/0) ^ (0/0) % -Inf + NaN == bool Inf')],
    ['a NaN of everything in order', range(`sort(topk(1e9, ${any} * NaN))`, 1_800, '5s')],
    ['an odd time', instant('up', { time: '1e308' })],
    ['numbers that overflow', instant('1e400 ^ 1e400 + 0x' + 'f'.repeat(5_000))],
    ['unicode', instant('sum by ("\u{1f600}\u202e\u0000") ({"\u{1f600}"=~"[\u{1f600}-\u{1f64f}]+|ä́"})')],
    ['half a character', instant('up{instance="\ud800"}')],
    [
      'a flood of selectors',
      { path: 'series', parameters: { 'match[]': '{a=~".*.*.*.*.*.*.*=x",__name__!=""}' } },
    ],
    ['labels of every series', { path: 'labels', parameters: { 'match[]': any } }],
  ];
}

function doubled(query: string, times: number): string {
  return times === 0
    ? query
    : `label_replace(${doubled(query, times - 1)},"instance","$1$1","instance","(.*)")`;
}

function joined(query: string, count: number): string {
  return `label_join(${query}, "a", "${'-'.repeat(1_000)}"${',"a"'.repeat(count)})`;
}

/** Round trips of records through the journal, in milliseconds: while nobody asks, and while hostile queries run. */
export async function measureUnderFire(
  { url, agents }: Pick<Target, 'url' | 'agents'>,
  { seconds, at = 6 }: { readonly seconds: number; readonly at?: number },
): Promise<{
  readonly quietMs: readonly number[];
  readonly underFireMs: readonly number[];
  readonly asked: number;
}> {
  const [probe] = agents;
  if (probe === undefined) throw new Error('there are no agents');
  const quietMs = await roundTrips(probe, seconds * 1000);
  const stopped = new AbortController();
  const forms = hostileQueries().map(([, form]) => form);
  let next = 0;
  const fire = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const form = forms[next++ % forms.length];
      const body = new URLSearchParams({ ...form?.parameters, timeout: '2s' });
      try {
        const answer = await fetch(`${url}/api/v1/${form?.path ?? ''}`, {
          method: 'POST',
          body,
          signal: stopped.signal,
        });
        // What matters is the collector: large answers would keep this process busy, so they are let go.
        await answer.body?.cancel();
      } catch (error) {
        if (!stopped.signal.aborted) throw error;
      }
    }
  };
  const shooters = Array.from({ length: at }, fire);
  try {
    return { quietMs, underFireMs: await roundTrips(probe, seconds * 1000), asked: next };
  } finally {
    stopped.abort();
    await Promise.allSettled(shooters);
  }
}

const PAUSE_MS = 50;
const ROUND_TRIP_MS_MAX = 30_000;

async function roundTrips(agent: SimulatedAgent, spanMs: number): Promise<readonly number[]> {
  const all: number[] = [];
  const endMs = performance.now() + spanMs;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    agent.tick(Date.now());
    while (agent.unackedRecords > 0) {
      if (performance.now() - startMs > ROUND_TRIP_MS_MAX) throw new Error('no acknowledgement for 30 s');
      await pause(1);
    }
    all.push(performance.now() - startMs);
    await pause(PAUSE_MS);
  }
  return all;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((wake) => {
    setTimeout(wake, delayMs);
  });
}
