import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testRules } from './rules.ts';

const TESTS = globSync(join(import.meta.dirname, '../alerting/stock-rules/tests/*.test.yaml')).sort();

describe('rules test', () => {
  it('finds the tests of the stock rules', () => {
    expect(TESTS.length).toBeGreaterThan(10);
  });

  it.each(TESTS)('passes %s', async (file) => {
    const { text, failedCount } = await testRules([file]);
    expect({ failedCount, text }).toEqual({ failedCount: 0, text: `${file}\n  ok\n` });
  });
});
