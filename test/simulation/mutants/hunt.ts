/** Runs each mutant in a process of its own until a seed catches it. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Mutant } from './list.ts';

const MAIN = resolve(import.meta.dirname, '../main.ts');

/** Prints a line per mutant and returns how many were caught. */
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

function hunt(mutant: Mutant, seeds: number): Promise<{ readonly isCaught: boolean; readonly text: string }> {
  const parameters = [MAIN, '--mutant', mutant.name, '--seeds', String(seeds)];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolveHunt) => {
    child.once('close', (code) => {
      const line =
        output
          .trim()
          .split('\n')
          .findLast((text) => text.startsWith('caught')) ?? output.trim().slice(-400);
      resolveHunt({
        isCaught: code === 0 && line.startsWith('caught'),
        text: line.replace(/^caught /, '').slice(0, 120),
      });
    });
  });
}
