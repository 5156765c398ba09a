/** The machine as the inventory's process reads it; everything is noted in a manifest. */
import { assert } from '@rollcall/shared/lib/assert.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError, type Host } from '../host/host.ts';
import { COMMANDS } from './commands.ts';
import { recordingHost, type Manifest } from './manifest.ts';
import { runChild } from '../host/run-child.ts';
import type { Source } from './source.ts';

/** A name server that does not answer or a disk that wakes up must not take the others' time. */
const COMMAND_TIMEOUT_MS = 30_000;
/** `rpm -qa` of 20,000 packages prints about 1 MiB. */
const COMMAND_OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const NEVER = new AbortController().signal;

export interface LocalSourceOptions {
  readonly host: Host;
  readonly clock: Clock;
  readonly manifest: Manifest;
}

/** Programs die with the process that calls this. */
export function localSource({ host, clock, manifest }: LocalSourceOptions): Source {
  return {
    host: recordingHost(host, manifest),
    async run(name, operand) {
      const { operand: shape, ...command } = COMMANDS[name];
      assert(shape === undefined ? operand === undefined : shape.test(operand ?? ''), `operand of ${name}`);
      const args = operand === undefined ? command.args : [...command.args, operand];
      const shown = [command.program, ...args].join(' ');
      const limits = {
        clock,
        timeoutMs: COMMAND_TIMEOUT_MS,
        outputBytesMax: COMMAND_OUTPUT_BYTES_MAX,
        what: `run ${command.program}`,
        hasOwnGroup: false,
      };
      try {
        const output = await runChild({ ...command, args }, limits, NEVER);
        manifest.program(shown, 'ok');
        return output.toString();
      } catch (error) {
        manifest.program(shown, error instanceof HostError ? error.kind : 'io');
        throw error;
      }
    },
  };
}
