#!/usr/bin/env node
// Plain JavaScript, so that an old Node.js says what is wrong instead of stumbling over the syntax.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(`rollcall-agent: needs Node.js 24.15 or newer, this is ${process.version}\n`);
  process.exitCode = 2;
} else {
  await import('../src/main.ts');
}
