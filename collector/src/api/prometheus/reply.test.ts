import { expect, it } from 'vitest';
import { wantsGzip } from './reply.ts';

it.each([
  ['gzip', true],
  ['gzip, deflate, br', true],
  ['br;q=1.0, GZIP;q=0.8, *;q=0.1', true],
  ['*', true],
  ['gzip;q=0.5, identity;q=0.5', true],
  ['identity', false],
  ['gzip;q=0', false],
  ['*, gzip;q=0', false],
  ['*;q=0', false],
  ['gzip;q=0.4, identity', false],
  ['deflate', false],
  ['', false],
  ['gzip;q=nonsense', false],
  ['gzippy', false],
  [undefined, false],
])('Accept-Encoding %s takes gzip: %s', (header, expected) => {
  expect(wantsGzip(header)).toBe(expected);
});
