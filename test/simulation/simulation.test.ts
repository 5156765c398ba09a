/** The short form for every change; `npm run simulate` runs thousands of seeds and hunts all mutants. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { mutatedSources } from './mutants/apply.ts';
import { MUTANTS } from './mutants/list.ts';

const MAIN = resolve(import.meta.dirname, 'main.ts');
const SEEDS = 50;
/** Caught by the first seeds; `npm run simulate -- --mutants` hunts all of them. */
const QUICK_MUTANTS = ['ack before commit', 'agent goes on one number too far'];

it('passes a fixed budget of seeds', { timeout: 300_000 }, async () => {
  const { code, output } = await simulate('--seeds', String(SEEDS));
  expect(output).toMatch(/seeds run \d+, failed 0, lost 0, doubled 0/);
  expect(code).toBe(0);
});

it.each(QUICK_MUTANTS)('catches the mutant "%s"', { timeout: 120_000 }, async (name) => {
  const { code, output } = await simulate('--mutant', name, '--seeds', '20');
  expect(output).toContain('caught by seed');
  expect(code).toBe(0);
});

it('repeats a seed to the letter', { timeout: 120_000 }, async () => {
  const [first, second] = await Promise.all([
    simulate('--seed', '7', '--story'),
    simulate('--seed', '7', '--story'),
  ]);
  expect(first.output.length).toBeGreaterThan(500);
  expect(second.output).toBe(first.output);
});

it.each(MUTANTS)('mutant "$name" finds its text', (mutant) => {
  expect(mutatedSources(mutant).size).toBeGreaterThan(0);
});

it('gives each mutant a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

/** In a process of its own, because it makes the limits of the product tiny. */
function simulate(
  ...parameters: readonly string[]
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...parameters]);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((done) => {
    child.once('close', (code) => done({ code, output }));
  });
}
