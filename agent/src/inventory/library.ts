/**
 * What systeminformation answers, and what it reads for that. It starts shells and reads files by itself; both are
 * noted by standing in front of the functions of Node.js that it uses, because it has no port to wrap. Loaded in the
 * short-lived process only.
 */
import type { Manifest } from './manifest.ts';
import type { RawRecord } from './raw.ts';

/** Functions of node:fs whose first argument is a path, and those of node:child_process whose first is a program. */
const FILE_FUNCTIONS = [
  'readFileSync',
  'readdirSync',
  'existsSync',
  'readFile',
  'stat',
  'statSync',
  'access',
];
const PROGRAM_FUNCTIONS = ['exec', 'execFile', 'spawn', 'execSync', 'execFileSync', 'spawnSync'];

/** The calls that are used: about 0.3 s in all on a two-core virtual machine; each starts shells. */
export type LibraryCall =
  | 'system'
  | 'bios'
  | 'baseboard'
  | 'chassis'
  | 'cpu'
  | 'mem'
  | 'memLayout'
  | 'diskLayout'
  | 'blockDevices'
  | 'networkInterfaces'
  | 'osInfo'
  | 'graphics'
  | 'battery'
  | 'usb'
  | 'printer';

/** Answers by call; a call that fails has none, which the caller misses. What went wrong goes to `complain`. */
export async function askLibrary(
  calls: readonly LibraryCall[],
  options: { readonly manifest: Manifest; readonly complain: (text: string) => void },
): Promise<RawRecord> {
  const answers: Record<string, unknown> = {};
  const watch = watchModules(options.manifest);
  try {
    // Loaded behind the watch, because it takes hold of the functions when it is loaded.
    const library = await import('systeminformation');
    watch.begin();
    for (const call of calls) {
      try {
        answers[call] = await library[call]();
      } catch (error) {
        options.complain(`${call}: ${String(error)}\n`);
      }
    }
  } finally {
    watch.end();
  }
  return answers;
}

/** Puts a function that notes and then does the same in the place of each. */
function watchModules(manifest: Manifest): { begin(): void; end(): void } {
  let isOn = false;
  const ends = [
    ...FILE_FUNCTIONS.map((name) => {
      return watchFunction(process.getBuiltinModule('node:fs'), name, ([path]) => {
        if (isOn && typeof path === 'string') manifest.file(path, 'asked');
      });
    }),
    ...PROGRAM_FUNCTIONS.map((name) => {
      return watchFunction(process.getBuiltinModule('node:child_process'), name, ([program, args]) => {
        if (!isOn || typeof program !== 'string') return;
        manifest.program(Array.isArray(args) ? [program, ...args.map(String)].join(' ') : program, 'asked');
      });
    }),
  ];
  return {
    begin: () => void (isOn = true),
    end: () => ends.forEach((end) => end()),
  };
}

/** Returns what puts the original back. */
function watchFunction(module: object, name: string, note: (args: readonly unknown[]) => void): () => void {
  const original: unknown = Reflect.get(module, name);
  if (typeof original !== 'function') throw new TypeError(`there is no function ${name}`);
  const watched = new Proxy(original, {
    apply(target, self, args: readonly unknown[]): unknown {
      note(args);
      return Reflect.apply(target, self, args);
    },
  });
  Reflect.set(module, name, watched);
  return () => void Reflect.set(module, name, original);
}
