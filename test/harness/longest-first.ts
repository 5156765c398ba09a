/** The order of test files: those that take long begin first, so that no core is idle at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By what they take on two cores; all others by their size, as Vitest has it. */
const LONGEST = [
  'test/simulation/simulation.test.ts',
  'test/e2e/outage.test.ts',
  'test/compat/feed.test.ts',
  'test/browser/host.test.ts',
  'test/browser/hosts.test.ts',
  'test/e2e/hostile-queries.test.ts',
  'test/browser/accessibility.test.ts',
  'test/browser/large-fleet.test.ts',
  'test/browser/real-collector.test.ts',
  'agent/src/main.test.ts',
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
