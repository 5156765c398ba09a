/** Runs a sampler on fixture folders. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import type { Host } from '../host/host.ts';
import { FakeHost, type FakeMount } from '../host/testing.ts';
import { Readings } from './readings.ts';
import type { Sampler } from './sampler.ts';
import { formatValues, seriesAt } from './text.ts';

const ERROR_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(SAMPLE_ERROR).map(([name, code]) => [code, name]),
);

/**
 * What one reading yields, as sorted lines: values; `series: REASON` for values that could not be read; `failed: …`
 * when the whole sampler failed; `dropped: …` for values left out.
 */
export async function readLines(
  sampler: Sampler,
  host: Host,
  readings = new Readings({ sampler: sampler.name, intervalMs: 10_000 }),
): Promise<string[]> {
  readings.begin();
  try {
    await sampler.sample(host, readings, new AbortController().signal);
  } catch (error) {
    return [`failed: ${error instanceof Error ? error.message : String(error)}`];
  }
  const lines: string[] = [];
  for (const part of readings.finish()) {
    lines.push(...formatValues(part));
    for (const { index, code } of part.errors) {
      lines.push(`${seriesAt(part, index)}: ${ERROR_NAMES.get(code) ?? code}`);
    }
  }
  for (const [reason, count] of Object.entries(readings.dropped)) {
    if (count > 0) lines.push(`dropped: ${count} ${reason}`);
  }
  return lines.sort();
}

/** Of the lines that several samplers share a fixture for, those of one of them, and what each would say. */
export function linesOf({ metrics }: Pick<Sampler, 'metrics'>, lines: readonly string[]): string[] {
  const names: ReadonlySet<string> = new Set(metrics);
  return lines.filter((line) => {
    const name = /^node_\w+/.exec(line)?.[0];
    return name === undefined || names.has(name);
  });
}

export interface Fixture {
  /** Name of its folder: a number and what is odd about it. */
  readonly name: string;
  readonly host: FakeHost;
  /** Lines of its `expected.txt`, sorted. */
  readonly expected: readonly string[];
}

/** The fixtures of `testdata` beside the test. Mounts are described in `statfs.json`. */
export function fixtures(testFolder: string): Fixture[] {
  const folder = join(testFolder, 'testdata');
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const host = new FakeHost(path);
      if (existsSync(join(path, 'statfs.json'))) {
        const mounts: Record<string, FakeMount> = JSON.parse(readFileSync(join(path, 'statfs.json'), 'utf8'));
        for (const [mount, answer] of Object.entries(mounts)) host.mounts.set(mount, answer);
      }
      const expected = readFileSync(join(path, 'expected.txt'), 'utf8').split('\n');
      return { name, host, expected: expected.filter((line) => line !== '').sort() };
    });
}
