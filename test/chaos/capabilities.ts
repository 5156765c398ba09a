/** What this machine lets us do. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { Namespace } from './namespace.ts';

type Capability = 'mount' | 'faketime' | 'namespace' | 'nft';

const PROBES: Readonly<Record<Capability, () => string | undefined>> = {
  mount: () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-probe-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'rollcall-chaos', folder]);
    if (status === 0) spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true });
    return status === 0 ? undefined : 'needs the right to mount (CAP_SYS_ADMIN)';
  },
  namespace: () => {
    try {
      const namespace = Namespace.create(1);
      namespace.remove();
      return undefined;
    } catch (error) {
      return `needs a network namespace (root, and the program ip): ${describeError(error)}`;
    }
  },
  nft: () => {
    const { status } = spawnSync('nft', ['--version']);
    return status === 0 ? undefined : 'needs the program nft';
  },
  faketime: () => {
    const { status } = spawnSync('faketime', ['--version']);
    return status === 0 ? undefined : 'needs the program faketime';
  },
};

const known = new Map<Capability, string | undefined>();

/** The library that gives a process another clock; throws where `missing('faketime')` has a reason. */
export function fakeTimeLibrary(): string {
  // The program says it to what it starts.
  const { stdout } = spawnSync('faketime', ['-f', '+0s', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
  const [path] = stdout.trim().split(/[ :]/);
  if (path === undefined || path === '') throw new Error('faketime does not name its library');
  return path;
}

/** Why the machine lacks it; undefined when it does not. */
export function missing(capability: Capability): string | undefined {
  if (!known.has(capability)) known.set(capability, PROBES[capability]());
  return known.get(capability);
}
