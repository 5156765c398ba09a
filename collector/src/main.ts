/**
 * `rollcall-collector`: reads the command line, runs one command, and decides the exit code: 0 fine, 2 bad
 * configuration or a place that cannot be used, 1 anything else.
 */
import { diskError } from '@rollcall/shared/lib/disk.ts';
import { AppError, describeError, systemErrorCode, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import { createProgram, hasPrintedHelp } from './cli/program.ts';

const BAD_CONFIGURATION: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BAD_CONFIG',
  'PORT_TAKEN',
  'DATA_DIR_UNUSABLE',
  'DATABASE_TOO_NEW',
]);

if (process.env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
  process.stderr.write('rollcall-collector: refuses to run with NODE_TLS_REJECT_UNAUTHORIZED=0: unset it\n');
  process.exit(2);
}
/** Why standard output could not be written; a reader that has left, as in `inspect | head`, is no reason for those who print little. */
let outputFailure: string | undefined;
// Without a listener it would end with a stack.
process.stdout.on('error', (error) => {
  if (systemErrorCode(error) === 'EPIPE') return;
  outputFailure = describeError(error);
  process.exitCode = 1;
});
try {
  await createProgram({
    environment: process.env,
    print: (text) => process.stdout.write(text),
    write: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => {
          if (error) reject(diskError('write to standard output, not all was written', error));
          else resolve();
        });
      }),
    input: () => process.stdin,
    complain: (text) => process.stderr.write(text),
    columns: process.stdout.columns,
  }).parseAsync();
} catch (error) {
  if (!hasPrintedHelp(error)) {
    process.stderr.write(`rollcall-collector: ${describeError(error)}\n`);
    process.exitCode = error instanceof AppError && BAD_CONFIGURATION.has(error.code) ? 2 : 1;
    outputFailure = undefined;
  }
}
process.on('exit', () => {
  if (outputFailure !== undefined)
    process.stderr.write(`rollcall-collector: write to standard output: ${outputFailure}\n`);
});
