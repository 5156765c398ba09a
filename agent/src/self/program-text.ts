/** The busiest programs as people read them. */
import type { Program } from '@rollcall/shared/protocol/processes.ts';

const MIB = 1_048_576;

/** One program in a line: `postgres ×4 (busiest 812): 1.25 processors, 410 MiB, reads 0.1 MiB/s, writes 3 MiB/s`. */
export function programText(program: Program): string {
  const { name, count, pid, cpus, memoryBytes, readBytesPerSecond, writtenBytesPerSecond } = program;
  const shown = name === '' ? 'without a name' : name;
  const who = count === 1 ? `${shown} (${pid})` : `${shown} ×${count} (busiest ${pid})`;
  const parts = [`${cpus} processors`];
  if (memoryBytes !== null) parts.push(`${mebibytes(memoryBytes)} MiB`);
  if (readBytesPerSecond !== null && readBytesPerSecond > 0) {
    parts.push(`reads ${mebibytes(readBytesPerSecond)} MiB/s`);
  }
  if (writtenBytesPerSecond !== null && writtenBytesPerSecond > 0) {
    parts.push(`writes ${mebibytes(writtenBytesPerSecond)} MiB/s`);
  }
  return `${who}: ${parts.join(', ')}`;
}

/** Three digits are enough for a person. */
function mebibytes(bytes: number): string {
  const size = bytes / MIB;
  return size >= 10 ? String(Math.round(size)) : String(Number(size.toPrecision(2)));
}
