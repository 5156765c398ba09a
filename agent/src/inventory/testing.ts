/** A machine of files and of what programs print, for tests. */
import { HostError } from '../host/host.ts';
import { FakeHost } from '../host/testing.ts';
import type { CommandName } from './commands.ts';
import type { Source } from './source.ts';

/** Programs that are not in `outputs` are not installed. */
export class FakeSource implements Source {
  readonly host: FakeHost;
  /** Output by command, or by command and operand with a blank in between. */
  readonly outputs = new Map<string, string | HostError>();

  /** @param rootPath a folder with `proc`, `sys`, `etc`; left out, only `files` exist */
  constructor(
    files: Readonly<Record<string, string | { readonly fails: 'denied' }>> = {},
    rootPath?: string,
  ) {
    this.host = new FakeHost(rootPath);
    for (const [path, content] of Object.entries(files)) this.host.files.set(path, content);
  }

  run(command: CommandName, operand?: string): Promise<string> {
    const output = this.outputs.get(operand === undefined ? command : `${command} ${operand}`);
    if (output === undefined) return Promise.reject(new HostError('absent', `run ${command}`));
    return output instanceof HostError ? Promise.reject(output) : Promise.resolve(output);
  }
}
