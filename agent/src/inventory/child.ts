/**
 * Asks systeminformation once, prints one JSON object and ends. A program of its own, so that the resident agent never
 * pays for the library, and a call that hangs or grows can be killed. The calls are an allow-list: nothing else of the
 * library is used.
 */
import {
  baseboard,
  bios,
  blockDevices,
  chassis,
  cpu,
  diskLayout,
  mem,
  memLayout,
  networkInterfaces,
  osInfo,
  system,
} from 'systeminformation';

// About 0.3 s in all on a two-core virtual machine, of which networkInterfaces takes a third; each starts shells.
const CALLS = {
  system: () => system(),
  bios: () => bios(),
  baseboard: () => baseboard(),
  chassis: () => chassis(),
  cpu: () => cpu(),
  mem: () => mem(),
  memLayout: () => memLayout(),
  diskLayout: () => diskLayout(),
  blockDevices: () => blockDevices(),
  networkInterfaces: () => networkInterfaces(),
  osInfo: () => osInfo(),
} as const satisfies Readonly<Record<string, () => Promise<unknown>>>;

const answers: Record<string, unknown> = {};
for (const [name, call] of Object.entries(CALLS)) {
  try {
    answers[name] = await call();
  } catch (error) {
    // A call that fails has no answer; the parent misses it and says so. What went wrong is for people.
    process.stderr.write(`${name}: ${String(error)}\n`);
  }
}
process.stdout.write(JSON.stringify(answers));
