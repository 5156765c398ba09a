#!/usr/bin/env node
// Plain JavaScript, so that an old Node.js gets as far as telling what is wrong.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

// docs/decisions/0080 and 0084 say what each is for, and what was measured.
const COUNT_BUFFERS = '--external-memory-accounted-in-global-limit';
const NURSERY_SWITCH = '--max-semi-space-size';
const SMALL_NURSERY = `${NURSERY_SWITCH}=32`;
/** With 2 GiB and more the engine lets garbage grow to four times of what is in use, below that to two times. */
const LIMIT_MIB = 2_000;
const LIMIT_SWITCH = '--max-old-space-size';
const LOW_LIMIT = `${LIMIT_SWITCH}=${LIMIT_MIB}`;

/** Says in the environment that this process has started itself anew. */
const MARK = 'ROLLCALL_STARTED_ANEW';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `rollcall-collector: needs Node.js 24.15 or newer, this is ${process.versions.node}\n`,
  );
  process.exit(2);
}
const hasStartedAnew = process.env[MARK] === String(process.pid);
delete process.env[MARK];
// The engine and the C library take these at their start only, so the collector starts anew, in the same process. Windows
// has no such call, and does without.
if (process.argv[2] === 'run' && process.platform !== 'win32' && !hasStartedAnew) {
  // The engine takes both spellings.
  const given = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`.replaceAll('_', '-');
  const hasHighLimit = getHeapStatistics().heap_size_limit > LIMIT_MIB * 2 ** 20;
  const switches = [SMALL_NURSERY, ...(hasHighLimit && !given.includes(LIMIT_SWITCH) ? [LOW_LIMIT] : [])];
  const environment = {
    MALLOC_ARENA_MAX: '2',
    MALLOC_TRIM_THRESHOLD_: '1048576',
    ...process.env,
    [MARK]: String(process.pid),
  };
  const parameters = [...process.execArgv, ...switches, ...process.argv.slice(1)];
  process.execve(process.execPath, [process.execPath, ...parameters], environment);
}
// The engine collects all garbage whenever typed arrays have taken 64 MiB more, which is every few queries, however much else
// there is to look at. With this the limit grows with the heap, as for everything else.
setFlagsFromString(COUNT_BUFFERS);
// These are for the event loop, which has them by now, whoever set them. The threads have limits of their own, which switches of
// the whole process would put aside.
for (const name of [NURSERY_SWITCH, LIMIT_SWITCH]) setFlagsFromString(`${name}=0`);
await import('../src/main.ts');
