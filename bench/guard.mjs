// Plain JavaScript, so that an old Node.js gets as far as telling what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `rollcall: needs Node.js 24.15 or newer, this is ${process.versions.node}: run it through npm\n`,
  );
  process.exit(2);
}
