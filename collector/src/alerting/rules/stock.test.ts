import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, it } from 'vitest';
import { loadRules } from './load.ts';
import { STOCK_RULE_DEFAULTS, stockRules } from './stock.ts';

function hasSyntaxError(expression: string): boolean {
  let isBroken = false;
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.type.isError) isBroken = true;
    },
  });
  return isBroken;
}

function expressions(): readonly string[] {
  return stockRules().flatMap((rule) =>
    rule.source === 'expression' ? [rule.raise, rule.clear, rule.exists, rule.witness] : [],
  );
}

describe('stockRules', () => {
  it('are valid rules with distinct names', () => {
    expect(loadRules(stockRules()).map(({ rule }) => rule.id)).toEqual([
      'HostDown',
      'HostDown/crit',
      'FilesystemAlmostFull',
    ]);
  });

  it('hold valid PromQL', () => {
    expect(hasSyntaxError('max by (')).toBe(true);
    expect(expressions()).toHaveLength(4);
    expect(expressions().filter(hasSyntaxError)).toEqual([]);
  });

  it('take their thresholds from the settings and clear with a distance', () => {
    const [, , filesystem] = stockRules({
      ...STOCK_RULE_DEFAULTS,
      filesystemUsedRatioMax: 0.8,
      filesystemFreeBytesMin: 1000,
    });
    if (filesystem?.source !== 'expression') throw new Error('not an expression rule');
    expect(filesystem.raise).toContain('> 0.8 and');
    expect(filesystem.raise).toContain('< 1000)');
    expect(filesystem.clear).toContain('< 0.77 or');
    expect(filesystem.clear).toContain('> 1200)');
    expect(filesystem.threshold).toBe(0.8);
  });
});
