/** Runs each mutant in a process of its own until a seed catches it. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Mutant } from './list.ts';

const MAIN = resolve(import.meta.dirname, '../main.ts');

/** Prints a line per mutant and returns how many were caught by a seed that passes without it. */
export async function huntMutants(options: {
  readonly mutants: readonly Mutant[];
  readonly jobs: number;
  readonly seeds: number;
}): Promise<number> {
  const waiting = [...options.mutants];
  let caught = 0;
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { isCaught, text } = await hunt(mutant, options.seeds);
      if (isCaught) caught++;
      console.log(`${isCaught ? 'caught  ' : 'SURVIVED'} ${mutant.name.padEnd(48)} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return caught;
}

async function hunt(
  mutant: Mutant,
  seeds: number,
): Promise<{ readonly isCaught: boolean; readonly text: string }> {
  const { isCaught, text } = await run(['--mutant', mutant.name, '--seeds', String(seeds)]);
  const seed = /^by seed (\d+)/.exec(text)?.[1];
  if (!isCaught || seed === undefined) return { isCaught: false, text };
  const control = await run(['--mutant', mutant.name, '--control', '--from', seed, '--seeds', '1']);
  return control.isCaught
    ? { isCaught: false, text: `seed ${seed} fails without the mutant too` }
    : { isCaught, text };
}

function run(parameters: readonly string[]): Promise<{ readonly isCaught: boolean; readonly text: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolveRun) => {
    child.once('close', (code) => {
      const line =
        output
          .trim()
          .split('\n')
          .findLast((text) => text.startsWith('caught')) ?? output.trim().slice(-400);
      resolveRun({
        isCaught: code === 0 && line.startsWith('caught'),
        text: line.replace(/^caught /, '').slice(0, 120),
      });
    });
  });
}
