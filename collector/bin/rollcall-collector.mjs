#!/usr/bin/env node
// Plain JavaScript, so that an old Node.js gets as far as telling what is wrong.
import { setFlagsFromString } from 'node:v8';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `rollcall-collector: needs Node.js 24.15 or newer, this is ${process.versions.node}\n`,
  );
  process.exit(2);
}
// The engine collects all garbage whenever typed arrays have taken 64 MiB more, which is every few queries, however much else
// there is to look at. With this the limit grows with the heap, as for everything else. See docs/decisions/0080.
setFlagsFromString('--external-memory-accounted-in-global-limit');
await import('../src/main.ts');
