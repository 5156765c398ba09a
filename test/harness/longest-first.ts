/** The order of test files: those that take long begin first, so that no core is idle at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By what they take on two cores; all others by their size, as Vitest has it. */
const LONGEST = [
  // One that waits beside one that computes, so that neither core is idle.
  'test/e2e/mass-outage.test.ts',
  'test/simulation/simulation.test.ts',
  'test/e2e/outage.test.ts',
  'test/browser/accessibility.test.ts',
  'test/compat/feed.test.ts',
  'test/e2e/who-is-down.test.ts',
  'test/browser/hosts.test.ts',
  'test/browser/host.test.ts',
  'test/e2e/host-commands.test.ts',
  'test/e2e/start.test.ts',
  'test/e2e/spool.test.ts',
  'test/browser/hostile.test.ts',
  'test/e2e/commands.test.ts',
  'test/compat/promtool-rules.test.ts',
  'test/e2e/collector-switches.test.ts',
  'test/browser/large-fleet.test.ts',
  'test/browser/availability.test.ts',
  'test/e2e/hostile-queries.test.ts',
  'test/browser/real-collector.test.ts',
  'agent/src/main.test.ts',
  'collector/src/journal/threaded-store.test.ts',
  'collector/src/cli/rules.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((left, right) => rank(left) - rank(right));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((path) => moduleId.endsWith(path));
  return place < 0 ? LONGEST.length : place;
}
