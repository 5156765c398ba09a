/**
 * `kill -9` of a process that seals and merges all the time, at random moments. Afterwards every sample that was ever
 * acknowledged is counted in the store: it must be there once, with its value.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { createMatcher } from '../../../collector/src/storage/matcher.ts';
import { openTestStorage } from '../../../collector/src/storage/embedded/testing/test-storage.ts';
import { Random } from '../../simulation/random.ts';
import { HOSTS, SERIES, TIME_RATIO, timeOf, valuesOf } from './samples.ts';

/** The row of this scenario. */
export const SEALING = 'SEALING';

/** After a process has begun with its first block it lives so long at most. */
const LIFE_MS_MAX = 1_500;
const START_MS_MAX = 30_000;
const LOOK_MS = 20;
const HOUR_MS = 3_600_000;

function pause(ms: number): Promise<void> {
  return new Promise((wake) => void setTimeout(wake, ms));
}

export interface SealingOutcome {
  readonly kills: number;
  /** Samples that were acknowledged. */
  readonly acked: number;
  /** Blocks in force at the end, by resolution and length. */
  readonly blocks: Readonly<Record<string, number>>;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly wrong: readonly string[];
}

export class SealingStage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rollcall-chaos-'));
  readonly #random: Random;
  readonly #kills: number;
  readonly #originMs = Date.now();
  /** Newest number that was acknowledged, by host. */
  readonly #acked: number[] = HOSTS.map(() => 0);
  #process: ChildProcess | undefined;

  constructor(options: { readonly kills: number; readonly seed: number }) {
    this.#kills = options.kills;
    this.#random = new Random(options.seed, SEALING);
  }

  async play(): Promise<SealingOutcome> {
    for (let kill = 0; kill < this.#kills; kill++) await this.#live(this.#random.next() * LIFE_MS_MAX);
    return this.#count();
  }

  async close(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await Promise.resolve();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A process from its start to its end, so long after it began with its first block. */
  async #live(lifeMs: number): Promise<void> {
    const program = join(import.meta.dirname, 'sealing-process.ts');
    const child = spawn(process.execPath, [program, this.#folder, String(this.#originMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process = child;
    const ended = once(child, 'close');
    const said: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (piece: string) => said.push(piece));
    const before = new Set(this.#files());
    const deadlineMs = Date.now() + START_MS_MAX;
    while (said.length === 0 || this.#files().every((file) => before.has(file))) {
      if (child.exitCode !== null) throw new Error(`the process ended with code ${child.exitCode}`);
      if (Date.now() > deadlineMs) throw new Error('the process neither acknowledged nor sealed anything');
      await pause(LOOK_MS);
    }
    await pause(lifeMs);
    child.kill('SIGKILL');
    await ended;
    // The last line may be cut; whole ones were acknowledged.
    for (const line of said.join('').split('\n').slice(0, -1)) {
      const [host = 0, watermark = 0] = line.split(' ').map(Number);
      this.#acked[host] = Math.max(this.#acked[host] ?? 0, watermark);
    }
  }

  #files(): readonly string[] {
    const dir = join(this.#folder, 'blocks');
    return existsSync(dir) ? readdirSync(dir) : [];
  }

  async #count(): Promise<SealingOutcome> {
    const [lost, doubled, wrong]: string[][] = [[], [], []];
    const nowMs = Math.floor(this.#originMs + (Date.now() - this.#originMs) * TIME_RATIO);
    const identityOf = (agentId: string) => [['instance', agentId.slice(0, 1)]] as const;
    const damaged = (problem: string): void => void wrong?.push(problem);
    const store = openTestStorage({ dir: this.#folder, wallMs: nowMs, identityOf, damaged });
    try {
      let found = 0;
      for (const [host, agentId] of HOSTS.entries()) {
        for (const [index, name] of SERIES.entries()) {
          const counts = await this.#countSeries(store, { agentId, name, index, wrong: wrong ?? [] });
          found += counts.size;
          const title = `${name} of host ${host}`;
          for (let seq = 2; seq <= (this.#acked[host] ?? 0); seq++)
            if ((counts.get(seq) ?? 0) === 0) lost?.push(`${title}: sample ${seq} is lost`);
          for (const [seq, count] of counts)
            if (count > 1) doubled?.push(`${title}: sample ${seq} is there ${count} times`);
        }
      }
      const snapshot = store.reader.snapshot();
      const blocks: Record<string, number> = {};
      // Reads leave out what is there twice, so what is held is added up as well.
      let held = snapshot.counts().samples - snapshot.sealedSamples;
      for (const { resolution, fromMs, toMs, samples } of snapshot.blocks()) {
        if (resolution === 'raw') held += samples;
        const key = `${resolution}, ${(toMs - fromMs) / HOUR_MS} h`;
        blocks[key] = (blocks[key] ?? 0) + 1;
      }
      snapshot.close();
      if (held !== found) doubled?.push(`${held} samples are held, and ${found} can be read`);
      const acked = this.#acked.reduce(
        (sum, watermark) => sum + Math.max(0, watermark - 1) * SERIES.length,
        0,
      );
      return {
        kills: this.#kills,
        acked,
        blocks,
        lost: lost ?? [],
        doubled: doubled ?? [],
        wrong: wrong ?? [],
      };
    } finally {
      await store.close();
    }
  }

  /** How often each number is in a series; what has another value or time is told as wrong. */
  async #countSeries(
    { storage }: ReturnType<typeof openTestStorage>,
    series: {
      readonly agentId: string;
      readonly name: string;
      readonly index: number;
      readonly wrong: string[];
    },
  ): Promise<ReadonlyMap<number, number>> {
    const { agentId, name, index, wrong } = series;
    const matchers = [
      createMatcher('__name__', '=', name),
      createMatcher('instance', '=', agentId.slice(0, 1)),
    ];
    const request = { matchers, fromMs: 0, toMs: 2 * this.#originMs, samplesMax: 1e8 };
    const counts = new Map<number, number>();
    for (const { timestamps, values } of await storage.select(request, new AbortController().signal)) {
      for (const [at, value] of values.entries()) {
        const seq = index === 0 ? value : Math.round((value - 0.1) * 2);
        if (valuesOf(seq)[index] !== value || timeOf(this.#originMs, seq) !== timestamps[at])
          wrong.push(`${name}: a sample of value ${value} at ${timestamps[at]}`);
        counts.set(seq, (counts.get(seq) ?? 0) + 1);
      }
    }
    return counts;
  }
}
