import { expect, it } from 'vitest';
import { hasWords, wordsOf } from './search.ts';

it.each([
  ['', true],
  ['  ', true],
  ['WEB', true],
  [' 12  we ', true],
  ['web db', false],
  ['.*', false],
])('finds %j in the name web-12: %s', (text, expected) => {
  expect(hasWords(wordsOf(text), 'Web-12')).toBe(expected);
});
