#!/usr/bin/env node
// Plain JavaScript, so that an old Node.js says what is wrong instead of stumbling over the syntax.
// docs/decisions/0028-agent-runtime.md says what each switch is for, and what was measured.
const SWITCHES = [
  '--max-semi-space-size=1',
  '--no-short-builtin-calls',
  '--no-opt',
  '--no-maglev',
  '--single-threaded-gc',
  '--v8-pool-size=0',
  '--initial-old-space-size=8',
  '--disable-sigusr1',
  '--expose-gc',
];
/** Small buffers share pieces of memory, which stay as long as one of them does: 64 KiB for a nonce by default. */
const BUFFER_POOL_BYTES = 8 * 1024;
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(`rollcall-agent: needs Node.js 24.15 or newer, this is ${process.version}\n`);
  process.exitCode = 2;
} else {
  // The engine takes its switches at its start only, so the resident agent starts anew, in the same process. Windows has
  // no such call; there the service gives the switches.
  const isResident = process.argv[2] === 'run';
  if (isResident && process.platform !== 'win32' && !process.execArgv.includes(SWITCHES[0])) {
    const parameters = [...process.execArgv, ...SWITCHES, ...process.argv.slice(1)];
    const environment = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536', ...process.env };
    process.execve(process.execPath, [process.execPath, ...parameters], environment);
  }
  Buffer.poolSize = BUFFER_POOL_BYTES;
  await import('../src/main.ts');
}
