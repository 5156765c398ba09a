/**
 * `rollcall-agent`: reads the command line, runs one command, and decides the exit code: 0 fine, 2 bad configuration or
 * a folder that cannot be used, 1 anything else.
 */
import { styleText } from 'node:util';
import { AppError, describeError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { enrollOnce } from './cli/enroll.ts';
import { readConfigFile } from './cli/inputs.ts';
import { run } from './cli/run.ts';
import type { Terminal } from './cli/terminal.ts';
import { parseCommandLine, type CommandLine } from './config/command-line.ts';
import { helpText } from './config/help.ts';
import { loadConfig } from './config/load.ts';
import { machineFacts } from './self/facts.ts';
import { AGENT_VERSION } from './self/version.ts';

const BAD_CONFIGURATION: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['BAD_CONFIG', 'DATA_DIR_UNUSABLE']);

const terminal: Terminal = {
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
  // Plain when it goes to a pipe or a file, or the person wants it so (NO_COLOR).
  paint: (colour, text) => styleText(colour, text, { stream: process.stdout }),
};

process.exitCode = await main(process.argv.slice(2));

async function main(parameters: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(parameters);
    if (line.switches.has('help') || parameters.length === 0) {
      terminal.print(helpText());
    } else if (line.switches.has('version')) {
      terminal.print(`rollcall-agent ${AGENT_VERSION}\n`);
    } else {
      return await runCommand(line);
    }
    return 0;
  } catch (error) {
    terminal.complain(`rollcall-agent: ${describeError(error)}\n`);
    return error instanceof AppError && BAD_CONFIGURATION.has(error.code) ? 2 : 1;
  }
}

/** Returns the exit code. What is not needed to run all day is loaded by the command that needs it. */
async function runCommand(line: CommandLine): Promise<number> {
  const config = loadConfig({ ...line, environment: process.env, file: readConfigFile(line.configFile) });
  const isJson = line.switches.has('json');
  switch (line.command) {
    case 'run':
      while ((await run(config, machineFacts(config.hostName), terminal)) === 'enrolled') startAnew();
      process.exit(0);
    case 'enroll':
      await enrollOnce(config, {
        facts: machineFacts(config.hostName),
        isForced: line.switches.has('force'),
        terminal,
      });
      return 0;
    case 'show': {
      const { show } = await import('./cli/show.ts');
      await show(config, isJson, terminal);
      return 0;
    }
    case 'doctor': {
      const { doctor } = await import('./cli/doctor.ts');
      return doctor(config, isJson, terminal);
    }
    case 'status': {
      const { showStatus } = await import('./cli/status.ts');
      return showStatus(config, isJson, terminal);
    }
    case 'rotate-key': {
      const { rotateKey } = await import('./cli/rotate-key.ts');
      rotateKey(config, terminal);
      return 0;
    }
    case 'service': {
      const { service } = await import('./cli/service.ts');
      const { action = 'print', configFile } = line;
      await service({ action, configFile, program: process.argv[1] ?? '' }, terminal);
      return 0;
    }
    case undefined:
      throw new AppError('BAD_CONFIG', 'no command given; see rollcall-agent --help');
  }
}

/** Starts the program once more, in this process; does nothing where the system has no such call. */
function startAnew(): void {
  if (process.platform === 'win32') return;
  const parameters = [...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, [process.execPath, ...parameters]);
}
