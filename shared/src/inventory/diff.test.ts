import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type InventoryRecord, type InventoryValue } from './canonical.ts';
import { CHANGES_MAX, diffInventory } from './diff.ts';

function pack(name: string, version: string): InventoryRecord {
  return { name, version, arch: 'amd64', manager: 'dpkg' };
}

/** Changes as short lines. */
function told(before: InventoryRecord, after: InventoryRecord): string[] {
  return diffInventory(before, after).changes.map((change) => {
    const at = change.path.join(' / ');
    switch (change.kind) {
      case 'added':
        return `+ ${at}`;
      case 'removed':
        return `- ${at}`;
      case 'changed':
        return `${at}: ${canonicalJson(change.before)} > ${canonicalJson(change.after)}`;
    }
  });
}

describe('diffInventory', () => {
  it('tells packages that came, went and changed, whatever their order', () => {
    const before = { count: 3, packages: [pack('curl', '1'), pack('nginx', '1'), pack('zlib', '1')] };
    const after = { count: 3, packages: [pack('zlib', '2'), pack('vim', '1'), pack('curl', '1')] };
    expect(told(before, after)).toEqual([
      '- packages / nginx dpkg amd64',
      '+ packages / vim dpkg amd64',
      'packages / zlib dpkg amd64 / version: "1" > "2"',
    ]);
  });

  it('tells which of several of one name came', () => {
    const before = { packages: [pack('kernel', '1'), pack('kernel', '2')] };
    expect(told(before, { packages: [pack('kernel', '2'), pack('kernel', '3')] })).toEqual([
      'packages / kernel dpkg amd64 / version: "1" > "3"',
    ]);
    expect(told(before, { packages: [...before.packages, pack('kernel', '3')] })).toEqual([
      '+ packages / kernel dpkg amd64',
    ]);
  });

  it('tells fields, nested ones, and lists of words', () => {
    expect(
      told(
        { model: 'X', cacheBytes: { l1: 1, l2: 2 }, sudoRules: ['a', 'b'] },
        { model: 'X', cacheBytes: { l1: 1, l2: 3 }, sudoRules: ['b', 'c'], serial: 'S' },
      ),
    ).toEqual(['cacheBytes / l2: 2 > 3', 'serial: null > "S"', '- sudoRules / a', '+ sudoRules / c']);
  });

  it('tells a disk in the same place as another one', () => {
    const disk = (serial: string): InventoryRecord => ({
      disks: [{ device: '/dev/sda', serial, sizeBytes: 5 }],
    });
    expect(told(disk('A'), disk('B'))).toEqual(['disks / /dev/sda / serial: "A" > "B"']);
  });

  it('tells a value that became unreadable', () => {
    expect(told({ modules: [{ bank: 'A' }] }, { modules: 'not readable' })).toEqual([
      'modules: [{"bank":"A"}] > "not readable"',
    ]);
  });

  it('counts what nobody would read', () => {
    const packages = (version: string): InventoryRecord => ({
      packages: Array.from({ length: CHANGES_MAX + 7 }, (_, i) => pack(`p${i}`, version)),
    });
    const { changes, omitted } = diffInventory(packages('1'), packages('2'));
    expect([changes.length, omitted]).toEqual([CHANGES_MAX, 7]);
  });

  it('takes nothing from prototypes', () => {
    expect(told({}, { constructor: 1 })).toEqual(['constructor: null > 1']);
  });

  const value = fc.jsonValue({ maxDepth: 3 }).map((each): InventoryValue => JSON.parse(JSON.stringify(each)));
  const section = fc
    .dictionary(fc.constantFrom('a', 'b', 'name', 'list'), value)
    .map((each) => ({ ...each }));

  it('finds nothing in equal sections, and something in those that differ', () => {
    fc.assert(
      fc.property(section, section, (left, right) => {
        expect(diffInventory(left, left).changes).toEqual([]);
        const isSame = canonicalJson(normal(left)) === canonicalJson(normal(right));
        expect(isSame || diffInventory(left, right).changes.length > 0).toBe(true);
      }),
    );
  });
});

/** Without what the comparison does not see: fields without a value, the order and the doubles of lists. */
function normal(value: InventoryValue): InventoryValue {
  if (Array.isArray(value)) return [...new Set(value.map((each) => canonicalJson(normal(each))))].sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => (child === null ? [] : [[key, normal(child)] as const])),
  );
}
