import { parser } from '@prometheus-io/lezer-promql';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createQueryEngine } from '../../query/query.ts';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { loadRules } from './load.ts';
import { ofHosts } from './rewrite.ts';
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

  it('suspect every host that has a full file system', async () => {
    const host = fc.record({ size: fc.integer({ min: 0, max: 20 }), free: fc.integer({ min: 0, max: 20 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(host, { maxLength: 6 }), async (hosts) => {
        const storage = new MemoryStorage();
        const names = ['size', 'free', 'avail'];
        await storage.append(
          hosts.flatMap(({ size, free }, i) =>
            names.map((name) => ({
              labels: Labels.of({
                __name__: `node_filesystem_${name}_bytes`,
                instance: `h.${i % 4}`,
                job: 'node',
                device: `sd${i}`,
                mountpoint: `/${i}`,
              }),
              samples: [{ timeMs: 1_000, value: name === 'size' ? size : Math.min(size, free) }],
            })),
          ),
        );
        const engine = createQueryEngine({ storage, clock: systemClock });
        const query = async (expression: string) => {
          const { value } = await engine.instant(expression, { timeMs: 1_000 }, new AbortController().signal);
          return value.kind === 'vector' ? value.samples : [];
        };
        const [, , rule] = stockRules({ ...STOCK_RULE_DEFAULTS, filesystemFreeBytesMin: 4 });
        if (rule?.source !== 'expression' || rule.suspects === undefined) throw new Error('no suspects');
        const suspects = new Set((await query(rule.suspects)).map(({ labels }) => labels.get('instance')));
        const asked = suspects.size === 0 ? [] : await query(ofHosts(rule.raise, suspects));
        expect(asked).toEqual(await query(rule.raise));
      }),
      { numRuns: 50 },
    );
  });
});
