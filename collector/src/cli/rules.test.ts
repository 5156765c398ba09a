import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testRules } from './rules.ts';

const TESTS = globSync(join(import.meta.dirname, '../alerting/stock-rules/tests/*.test.yaml')).sort();

describe('rules test', () => {
  it('finds the tests of the stock rules', () => {
    expect(TESTS.length).toBeGreaterThan(10);
  });

  // A hundred thousand evaluations of a rule in all: seconds on a machine that has nothing else to do.
  it.each(TESTS)('passes %s', { timeout: 60_000 }, async (file) => {
    const { text, failedCount } = await testRules([file]);
    expect({ failedCount, text }).toEqual({ failedCount: 0, text: `${file}\n  ok\n` });
  });
});
