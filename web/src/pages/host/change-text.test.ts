import { expect, test } from 'vitest';
import { changeText } from './change-text.ts';

test('says what came, went and is different', () => {
  const pack = { name: 'nginx', version: '1.26', arch: 'amd64', manager: 'dpkg' };
  const path = ['packages', 'nginx dpkg amd64'];
  expect(changeText({ kind: 'added', path, before: null, after: pack })).toEqual({
    sign: '+',
    verb: 'added',
    what: 'nginx dpkg amd64',
    how: '1.26',
  });
  expect(changeText({ kind: 'removed', path, before: pack, after: null })).toMatchObject({
    sign: '−',
    how: '1.26',
  });
  expect(
    changeText({ kind: 'changed', path: [...path, 'version'], before: '1.24', after: '1.26' }),
  ).toMatchObject({ sign: '~', what: 'nginx dpkg amd64 · version', how: '1.24 → 1.26' });
});

test('reads units and nested values, and leaves foreign text as it is', () => {
  const told = (
    path: readonly string[],
    before: number | string | null,
    after: number | string | null,
  ): string => {
    const { what, how } = changeText({ kind: 'changed', path, before, after });
    return `${what}: ${how}`;
  };
  expect(told(['totalBytes'], 8_589_934_592, 17_179_869_184)).toBe('Total bytes: 8.0 GiB → 16.0 GiB');
  expect(told(['serial'], null, '<b>x')).toBe('Serial: – → <b>x');
  expect(told([], 1, 2)).toBe(': 1 → 2');
  expect(changeText({ kind: 'added', path: ['ports', 'tcp 0.0.0.0 22'], before: null, after: {} }).how).toBe(
    '',
  );
  expect(changeText({ kind: 'added', path: ['rules', 'x'], before: null, after: 'x' }).how).toBe('');
});
