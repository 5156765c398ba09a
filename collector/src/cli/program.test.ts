import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from './program.ts';

const program = createProgram({
  environment: {},
  print: () => {},
  write: () => Promise.resolve(),
  complain: () => {},
  input: () => new Blob([]).stream(),
  columns: undefined,
});

const EXAMPLES = '\nExamples:\n';

function commandsOf(command: Command, path: string): (readonly [path: string, command: Command])[] {
  const inside = command.commands.flatMap((one) => commandsOf(one, `${path} ${one.name()}`));
  return [[path, command], ...inside];
}

/** What `--help` prints, with what stands behind the options. */
function helpOf(command: Command): string {
  let printed = '';
  command.configureOutput({ writeOut: (text) => void (printed += text), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return printed;
}

const commands = commandsOf(program, program.name());

describe('--help', () => {
  it.each(commands)('of %s fits a terminal', (_path, command) => {
    const [text = ''] = helpOf(command).split(EXAMPLES);
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('gives an example of everything but groups of commands', () => {
    const without = commands.filter(([, command]) => !helpOf(command).includes(`${EXAMPLES}  rollcall-`));
    const leaves = without.filter(([, { commands: inside }]) => inside.length === 0);
    expect(leaves.map(([path]) => path)).toEqual([]);
  });
});
