/** What one program cost to take in the samples of `npm run bench -- ingest`. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSecondsOf, loopCpuSecondsOf, peakRssBytesOf } from './process-figures.ts';

/** What is sent: every agent holds so many ticks of so many series. */
export interface IngestSize {
  readonly agents: number;
  readonly ticks: number;
  readonly cpuCount: number;
  /** Time of the first tick; the others follow at `intervalMs`. */
  readonly fromMs: number;
  readonly intervalMs: number;
}

export interface IngestFigures {
  readonly program: string;
  readonly samples: number;
  readonly seconds: number;
  /** Of the whole process, until the last sample was accepted and six seconds more. */
  readonly cpuSeconds: number;
  /** Of it what was not spent in worker threads; undefined for programs that are no Node.js. */
  readonly loopCpuSeconds: number | undefined;
  /** CPU seconds a second before the first sample came. */
  readonly idleCores: number;
  readonly peakRssBytes: number;
  readonly diskBytes: number;
  /** Bytes that the program was sent; without those of TCP and below. */
  readonly wireBytes: number;
}

/** A program goes on after its last answer: parts are merged, logs are moved. That is work for these samples too. */
const SETTLE_MS = 6_000;
/** How long a program is watched doing nothing. */
const IDLE_MS = 6_000;

/** CPU seconds a second of a process that has nothing to do. */
export async function measureIdle(pid: number): Promise<number> {
  const cpuBefore = cpuSecondsOf(pid);
  const startedMs = performance.now();
  await pause(IDLE_MS);
  return (cpuSecondsOf(pid) - cpuBefore) / ((performance.now() - startedMs) / 1000);
}

/**
 * Measures a process while `feed` sends it samples and waits until all are accepted.
 * @param feed gives the number of samples and the bytes that it sent
 */
export async function measureProcess(
  process: {
    readonly name: string;
    readonly pid: number;
    readonly dataDir: string;
    /** @default false */
    readonly isNode?: boolean;
    /** From `measureIdle`, right before. */
    readonly idleCores: number;
  },
  feed: () => Promise<{ readonly samples: number; readonly wireBytes: number }>,
): Promise<IngestFigures> {
  const { name, pid, dataDir, idleCores } = process;
  const cpuBefore = cpuSecondsOf(pid);
  const loopBefore = loopCpuSecondsOf(pid);
  const startedMs = performance.now();
  const { samples, wireBytes } = await feed();
  const seconds = (performance.now() - startedMs) / 1000;
  await pause(SETTLE_MS);
  const cpuSeconds = cpuSecondsOf(pid) - cpuBefore;
  const loopCpuSeconds = process.isNode === true ? loopCpuSecondsOf(pid) - loopBefore : undefined;
  return {
    program: name,
    samples,
    seconds,
    cpuSeconds,
    loopCpuSeconds,
    idleCores,
    peakRssBytes: peakRssBytesOf(pid),
    diskBytes: bytesBelow(dataDir),
    wireBytes,
  };
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

function pause(forMs: number): Promise<void> {
  return new Promise((wake) => {
    setTimeout(wake, forMs);
  });
}
