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
      'HostsVanished',
      'FilesystemAlmostFull',
    ]);
  });

  it('hold valid PromQL', () => {
    expect(hasSyntaxError('max by (')).toBe(true);
    expect(expressions()).toHaveLength(4);
    expect(expressions().filter(hasSyntaxError)).toEqual([]);
  });

  it('take their thresholds from the settings and clear with a distance', () => {
    const [, , , filesystem] = stockRules({
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

  /** A store of the series `node_filesystem_<name>_bytes`, and the rule that pages below 4 bytes. */
  async function filled(mounts: readonly Mount[]) {
    const storage = new MemoryStorage();
    await storage.append(
      mounts.flatMap(({ host, at, fstype, ...bytes }) =>
        Object.entries(bytes).flatMap(([name, value]) => {
          if (value === undefined) return [];
          const labels = Labels.of({
            __name__: `node_filesystem_${name}_bytes`,
            instance: `h.${host}`,
            job: 'node',
            device: fstype,
            mountpoint: at,
            fstype,
          });
          return [{ labels, samples: [{ timeMs: 1_000, value }] }];
        }),
      ),
    );
    const engine = createQueryEngine({ storage, clock: systemClock });
    const query = async (expression: string) => {
      const { value } = await engine.instant(expression, { timeMs: 1_000 }, new AbortController().signal);
      return value.kind === 'vector' ? value.samples : [];
    };
    const [, , , rule] = stockRules({ ...STOCK_RULE_DEFAULTS, filesystemFreeBytesMin: 4 });
    if (rule?.source !== 'expression' || rule.suspects === undefined) throw new Error('no suspects');
    const suspects = new Set((await query(rule.suspects)).map(({ labels }) => labels.get('instance')));
    return { rule, query, suspects };
  }

  it('suspect every host that has a full file system', async () => {
    const bytes = fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 8 });
    const mount = fc.record({
      host: fc.nat({ max: 3 }),
      at: fc.constantFrom('/', '/run', '/boot/efi', '/srv'),
      fstype: fc.constantFrom('ext4', 'ext4', 'tmpfs', 'vfat'),
      size: bytes,
      free: bytes,
      // More than is free, too, which no system should say.
      avail: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined, freq: 8 }),
    });
    const mounts = fc.uniqueArray(mount, {
      maxLength: 12,
      selector: ({ host, at, fstype }) => `${host} ${at} ${fstype}`,
    });
    await fc.assert(
      fc.asyncProperty(mounts, async (list) => {
        // Of nothing more is free than there is.
        const possible = list.filter(({ size, free }) => (free ?? 0) <= (size ?? 40));
        const { rule, query, suspects } = await filled(possible);
        const asked = suspects.size === 0 ? [] : await query(ofHosts(rule.raise, suspects) ?? rule.raise);
        expect(asked).toEqual(await query(rule.raise));
      }),
      { numRuns: 100 },
    );
  });

  it('suspect no host for small file systems that are far from full, or that nobody fills', async () => {
    const { suspects } = await filled([
      { host: 1, at: '/', fstype: 'ext4', size: 1_000, free: 500, avail: 500 },
      { host: 1, at: '/run', fstype: 'tmpfs', size: 2, free: 0, avail: 0 },
      { host: 1, at: '/boot/efi', fstype: 'vfat', size: 2, free: 1, avail: 1 },
      { host: 2, at: '/', fstype: 'ext4', size: 1_000, free: 60, avail: 3 },
    ]);
    expect([...suspects]).toEqual(['h.2']);
  });
});

interface Mount {
  readonly host: number;
  readonly at: string;
  readonly fstype: string;
  /** Bytes; undefined for a series that is missing. */
  readonly size: number | undefined;
  readonly free: number | undefined;
  readonly avail: number | undefined;
}
