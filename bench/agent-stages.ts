/**
 * What the stages of a tick cost: an agent from the sources, with the switches that it runs with, and `agent-probe.ts` loaded
 * into it. Its figures are a little higher than those of the built agent, for measuring costs something too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createToken, startCollector } from '../test/harness/processes.ts';

/** The variable that tells the probe where its figures go. */
export const PROBE_FILE_VARIABLE = 'AGENT_PROBE_FILE';
/** Ticks after which measuring begins: code is compiled, the first inventory is under way. */
export const PROBE_WARM_UP_TICKS = 15;

const ROOT = resolve(import.meta.dirname, '..');
/** Those of agent/bin/rollcall-agent.mjs, which starts anew with them and would lose the probe. */
const SWITCHES = [
  '--max-semi-space-size=1',
  '--no-short-builtin-calls',
  '--no-opt',
  '--no-maglev',
  '--single-threaded-gc',
  '--v8-pool-size=0',
  '--initial-old-space-size=8',
];
const START_MS = 3_000;

/** CPU per tick, microseconds; `stages` are parts of the main thread's, each without those that it goes through. */
export interface ProbeFigures {
  readonly ticks: number;
  readonly stages: Readonly<Record<string, { readonly userUs: number; readonly systemUs: number }>>;
  readonly mainThreadUs: number;
  readonly processUs: number;
}

/**
 * Runs an agent for so many ticks against a collector.
 * @param options.intervals seconds between ticks, and between readings of slow samplers
 */
export async function measureStages(options: {
  readonly ticks: number;
  readonly interval: number;
  readonly slowInterval: number;
}): Promise<ProbeFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
  const collector = await startCollector(join(folder, 'collector'), ['--log-level', 'warn']);
  const file = join(folder, 'figures.json');
  const program = [
    ['--import', join(ROOT, 'bench/agent-probe.ts'), join(ROOT, 'agent/src/main.ts'), 'run'],
    ['--url', collector.url, '--data-dir', join(folder, 'agent'), '--log-level', 'warn'],
    ['--interval', `${options.interval}s`, '--slow-interval', `${options.slowInterval}s`],
  ].flat();
  const child = spawn(process.execPath, [...SWITCHES, ...program], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      MALLOC_ARENA_MAX: '1',
      [PROBE_FILE_VARIABLE]: file,
      ROLLCALL_TOKEN: createToken(join(folder, 'collector')),
    },
  });
  const ended = once(child, 'exit');
  try {
    await Promise.race([
      delay(START_MS + (PROBE_WARM_UP_TICKS + options.ticks) * options.interval * 1_000),
      ended,
    ]);
    child.kill('SIGTERM');
    await ended;
    const figures: ProbeFigures = JSON.parse(readFileSync(file, 'utf8'));
    return figures;
  } finally {
    child.kill('SIGKILL');
    await collector.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line per stage, the dearest first. */
export function stagesTable({ ticks, stages, mainThreadUs, processUs }: ProbeFigures): string {
  const rows = Object.entries(stages)
    .map(([stage, { userUs, systemUs }]) => ({ stage, userUs, systemUs, allUs: userUs + systemUs }))
    .toSorted((left, right) => right.allUs - left.allUs)
    .map(({ stage, userUs, systemUs, allUs }) => line(stage, [allUs, userUs, systemUs]));
  return [
    `µs per tick, ${ticks} ticks`.padEnd(44) +
      ['CPU', 'user', 'system'].map((each) => each.padStart(9)).join(''),
    ...rows,
    line('other threads: sync, statfs', [processUs - mainThreadUs]),
    line('whole process', [processUs]),
    '',
  ].join('\n');
}

function line(name: string, us: readonly number[]): string {
  return name.padEnd(44) + us.map((each) => each.toFixed(0).padStart(9)).join('');
}
