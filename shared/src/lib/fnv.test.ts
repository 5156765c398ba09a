import { expect, it } from 'vitest';
import { fnv1a, fnv1aOfTexts } from './fnv.ts';

it('gives the numbers of the reference', () => {
  // Test vectors of draft-eastlake-fnv.
  expect(fnv1a('') >>> 0).toBe(0x811c9dc5);
  expect(fnv1a('a') >>> 0).toBe(0xe40c292c);
  expect(fnv1a('foobar') >>> 0).toBe(0xbf9cf968);
  expect(fnv1a('bar', fnv1a('foo'))).toBe(fnv1a('foobar'));
});

it('tells lists apart by where their texts end', () => {
  expect(fnv1aOfTexts(['ab', 'c'])).not.toBe(fnv1aOfTexts(['a', 'bc']));
  expect(fnv1aOfTexts(['ab', 'c'])).toBe(fnv1aOfTexts(['ab', 'c']));
});
