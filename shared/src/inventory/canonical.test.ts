import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, canonicalSection, sectionHash, type InventoryValue } from './canonical.ts';

const arbitraryValue = fc
  .jsonValue({ maxDepth: 4 })
  .map((value): InventoryValue => parseValue(JSON.stringify(value)));

function parseValue(text: string): InventoryValue {
  const value: InventoryValue = JSON.parse(text);
  return value;
}

/** The same content with the keys of every object in the opposite order. */
function reversed(value: InventoryValue): InventoryValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, child]) => [key, reversed(child)]),
  );
}

describe('canonicalJson', () => {
  it('is JSON of the same content, whatever the order of keys', () => {
    fc.assert(
      fc.property(arbitraryValue, (value) => {
        const text = canonicalJson(value);
        expect(parseValue(text)).toEqual(value);
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(parseValue(text))).toBe(text);
      }),
    );
  });

  it('sorts keys as UTF-8 does, has no white space, and keeps the order of lists', () => {
    expect(canonicalJson({ '\u{1f642}': 1, '\uffee': 2, b: [2, 1], a: null })).toBe(
      '{"a":null,"b":[2,1],"\uffee":2,"\u{1f642}":1}',
    );
  });

  it('has no form for numbers that are not finite', () => {
    expect(canonicalJson({ a: Number.NaN, b: Infinity, c: -0 })).toBe('{"a":null,"b":null,"c":0}');
  });
});

describe('canonicalSection', () => {
  it('has the hash of its bytes', () => {
    const section = canonicalSection({ name: 'os', content: { b: 1, a: 'ü' } });
    expect(section.bytes.toString()).toBe('{"a":"ü","b":1}');
    expect(section.hash).toBe(sectionHash(section.bytes));
    expect(section.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(['', 'OS', '../os', 'a'.repeat(33)])('does not take the name %j', (name) => {
    expect(() => canonicalSection({ name, content: {} })).toThrow('name of an inventory section');
  });
});
