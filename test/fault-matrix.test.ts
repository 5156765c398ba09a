import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALERTS } from './chaos/alerts/alerts.ts';
import { DEFAULTS } from './chaos/defaults.ts';
import { SCENARIOS } from './chaos/scenarios.ts';
import { SEALING } from './chaos/sealing/sealing.ts';
import { FAULTS } from './simulation/plan.ts';

const ROOT = resolve(import.meta.dirname, '..');
const ROWS = 55;
const CHAOS: readonly (string | undefined)[] = [
  ...SCENARIOS.map(({ row }) => row),
  ALERTS,
  DEFAULTS,
  SEALING,
];

interface MatrixRow {
  readonly row: string;
  readonly where: string;
}

function readMatrix(): MatrixRow[] {
  const text = readFileSync(join(ROOT, 'docs/fault-matrix.md'), 'utf8');
  return [...text.matchAll(/^\| (F\d+)\s*\|[^|]*\|([^|]*)\|$/gm)].map(([, row = '', where = '']) => ({
    row,
    where,
  }));
}

/** What is wrong with what a row names; empty when all of it exists. */
function problemsOf({ row, where }: MatrixRow): string[] {
  const found = [
    ...[...where.matchAll(/simulation `([^`]+)`/g)].map(([, name]) =>
      FAULTS.some((fault) => fault === name) ? '' : `${row}: the simulation has no fault "${name}"`,
    ),
    ...[...where.matchAll(/chaos `(\w+)`/g)].map(([, name]) =>
      CHAOS.includes(name) ? '' : `${row}: chaos has no scenario ${name}`,
    ),
    ...[...where.matchAll(/(?:unit|system) `([^`]+)` “([^”]+)”/g)].map(([, path = '', title = '']) => {
      const file = join(ROOT, path);
      const isThere = existsSync(file) && readFileSync(file, 'utf8').includes(title);
      return isThere ? '' : `${row}: ${path} has no test "${title}"`;
    }),
  ];
  const hasReason = where.includes('Not shown:') || where.includes('npm run bench');
  if (found.length === 0 && !hasReason) found.push(`${row}: names neither a test nor a reason`);
  return found.filter((problem) => problem !== '');
}

describe('docs/fault-matrix.md', () => {
  const matrix = readMatrix();

  it('has every row once, in order', () => {
    expect(matrix.map(({ row }) => row)).toEqual(
      Array.from({ length: ROWS }, (_unused, index) => `F${index + 1}`),
    );
  });

  it('names only tests that exist', () => {
    expect(matrix.flatMap((row) => problemsOf(row))).toEqual([]);
  });

  it('is judged by rules that can fail', () => {
    expect(problemsOf({ row: 'F0', where: 'nothing' })).toHaveLength(1);
    expect(problemsOf({ row: 'F0', where: 'simulation `cut` · simulation `earthquake`' })).toHaveLength(1);
    expect(problemsOf({ row: 'F0', where: 'chaos `F99`' })).toHaveLength(1);
    expect(problemsOf({ row: 'F0', where: 'unit `test/tidy.test.ts` “no such title”' })).toHaveLength(1);
  });

  it('leaves no fault of the simulation and no scenario of chaos unmentioned', () => {
    const text = matrix.map(({ where }) => where).join();
    const standing = ['small spool', 'changing series', 'restart agent', 'reboot agent', 'silent cut'];
    expect(FAULTS.filter((fault) => !standing.includes(fault) && !text.includes(`\`${fault}\``))).toEqual([]);
    expect(CHAOS.filter((row = '') => !text.includes(`chaos \`${row}\``))).toEqual([]);
  });
});
