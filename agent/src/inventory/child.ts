/**
 * Reads the inventory once, prints it in the form of report.ts and ends. A program of its own, so that the resident
 * agent never pays for the library or for a megabyte of packages, and a reading that hangs or grows can be killed.
 * Arguments: `--background` when nobody waits, and names of sections that are not read.
 */
import { constants, setPriority } from 'node:os';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { askLibrary } from './library.ts';
import { localSource } from './local-source.ts';
import { Manifest } from './manifest.ts';
import { readSections } from './read-sections.ts';
import { sectionReaders } from './readers.ts';
import { BACKGROUND, manifestLine } from './report.ts';

/** The list of packages of a machine with 20,000 of them has about 22 MiB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

const parameters = new Set(process.argv.slice(2));
// Whatever else the machine does comes first, without starving for it.
if (parameters.delete(BACKGROUND)) stepBack();
const manifest = new Manifest();
using host = new LocalHost(MACHINE_ROOTS, { fileBytesMax: FILE_BYTES_MAX });
const print = (line: string): void => void process.stdout.write(line);
const complain = (text: string): void => void process.stderr.write(text);
await readSections({
  source: localSource({ host, clock: systemClock, manifest }),
  readers: sectionReaders(process.platform),
  ask: (calls) => askLibrary(calls, { manifest, complain }),
  scope: { platform: process.platform, excluded: parameters },
  print,
});
print(manifestLine(manifest.lists()));

function stepBack(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A service may be forbidden to change it, and has limits of its own then.
  }
}
