import { afterEach, expect, test, vi } from 'vitest';
import { needs } from './needs.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('finds a program that is installed', () => {
  const found = needs('sh');
  expect(found.path).toMatch(/^\/.*\/sh$/);
  expect(found.note).toBe('');
});

test('says which program is missing, for the title of what is skipped', () => {
  vi.stubEnv('CI', '');
  expect(needs('no-such-program')).toEqual({
    path: null,
    note: ' (skipped: no-such-program is not installed)',
  });
});

test('fails instead where no test may be skipped', () => {
  vi.stubEnv('CI', 'true');
  expect(() => needs('no-such-program')).toThrow('find no-such-program');
});
