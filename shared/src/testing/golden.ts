/** Golden files: bytes of released versions, which later versions must still read. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { WIRE_EXAMPLES } from './wire-examples.ts';

/** Folder of the golden files of a version of the protocol. */
function goldenFolder(version: number): string {
  return join(import.meta.dirname, '..', 'protocol', 'testdata', `v${version}`);
}

/** Name without extension to bytes, of all golden files of a version. */
export function readGolden(version: number): Map<string, Buffer> {
  const folder = goldenFolder(version);
  return new Map(
    readdirSync(folder)
      .filter((file) => file.endsWith('.bin'))
      .sort()
      .map((file) => [file.slice(0, -'.bin'.length), readFileSync(join(folder, file))]),
  );
}

/** Writes the examples that have no golden file yet; what is there is never touched. Returns the names written. */
function writeMissing(): string[] {
  const folder = goldenFolder(PROTOCOL_VERSION);
  mkdirSync(folder, { recursive: true });
  const missing = WIRE_EXAMPLES.filter(({ name }) => !existsSync(join(folder, `${name}.bin`)));
  for (const { name, bytes } of missing) writeFileSync(join(folder, `${name}.bin`), bytes, { flag: 'wx' });
  return missing.map(({ name }) => name);
}

if (import.meta.main) {
  const written = writeMissing();
  process.stdout.write(written.length === 0 ? 'nothing to write\n' : `wrote ${written.join(', ')}\n`);
}
