import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/harness/longest-first.ts';

// Tests start our programs a hundred times; compiling them takes half of each start.
const PROGRAMS = { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') };

// Two kinds of tests run in one command: unit tests beside the code, which must be quick, and tests in test/ which
// start real processes and get the time that these need.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,agent,collector,web,dashboards,bench,deploy}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          // Quick on a machine of its own; property tests on a shared one may take ten times as long.
          testTimeout: 30_000,
          // Files share a process: half the time, and proof that no module keeps state of its own.
          isolate: false,
          // All cores, where Vitest by itself leaves one idle, and one for files that wait for a program or a deadline.
          maxWorkers: availableParallelism() + 1,
          env: PROGRAMS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Most of them wait for programs most of the time, so two at once take little more than half as long.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          // Its `setup` builds what several of them need.
          globalSetup: ['test/harness/prepare.ts'],
          env: PROGRAMS,
          // A shared machine may stand still for longer than a browser or a started program is given; what passes only
          // at the second try is marked as such in the output.
          retry: 1,
        },
      },
    ],
  },
});
