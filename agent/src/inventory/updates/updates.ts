/** Updates that wait, and whether a restart does. Pure. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { flag, isRecord, word } from '../raw.ts';

/** A package with a newer version in the lists that the machine has. */
export interface Update {
  readonly name: string;
  /** null when the manager does not say. */
  readonly installed: string | null;
  readonly available: string;
  /** Whether it comes from a source of security fixes; null when the manager does not say. */
  readonly isSecurity: boolean | null;
}

const UPDATES_MAX = 10_000;

/**
 * @param updates undefined when no manager that we ask is there
 * @param isRebootRequired null when nothing on this machine says so
 */
export function updatesContent(
  updates: readonly Update[] | undefined,
  isRebootRequired: boolean | null,
): InventoryRecord {
  if (updates === undefined) return { isRebootRequired };
  const sorted = [...updates].sort((left, right) => compareUtf8(left.name, right.name));
  return {
    isRebootRequired,
    count: sorted.length,
    securityCount: sorted.every(({ isSecurity }) => isSecurity === null)
      ? null
      : sorted.filter(({ isSecurity }) => isSecurity === true).length,
    updates: sorted.slice(0, UPDATES_MAX).map(({ name, installed, available, isSecurity }) => ({
      name,
      installed,
      available,
      isSecurity,
    })),
  };
}

/** `apt-get --simulate dist-upgrade`: `Inst name [installed] (available origin:suite, … [arch])`. New ones have no `[`. */
export function parseApt(output: string): Update[] {
  return each(
    output,
    /^Inst (\S+) \[([^\]]+)\] \((\S+) ([^)]*)\)/,
    ([, name, installed, available, origin]) => ({
      name: word(name),
      installed: word(installed),
      available: word(available),
      isSecurity: /-security\b|Debian-Security/i.test(origin ?? ''),
    }),
  );
}

/** `dnf check-update`: `name.arch version repository`, until packages that replace others begin. */
export function parseDnf(output: string): Update[] {
  const [updates = ''] = output.split(/^Obsoleting Packages/m);
  return each(updates, /^(\S+)\.\w+\s+(\S*\d\S*)\s+\S+\s*$/, ([, name, available]) => ({
    name: word(name),
    installed: null,
    available: word(available),
    isSecurity: null,
  }));
}

/** `apk version --limit '<'`: `name-installed < available`. */
export function parseApkVersion(output: string): Update[] {
  return each(output, /^(\S+)-(\d\S*-r\d+)\s+<\s+(\S+)/, ([, name, installed, available]) => ({
    name: word(name),
    installed: word(installed),
    available: word(available),
    isSecurity: null,
  }));
}

/** `pacman --query --upgrades`: `name installed -> available`. */
export function parsePacmanUpgrades(output: string): Update[] {
  return each(output, /^(\S+) (\S+) -> (\S+)/, ([, name, installed, available]) => ({
    name: word(name),
    installed: word(installed),
    available: word(available),
    isSecurity: null,
  }));
}

function each(output: string, pattern: RegExp, make: (match: RegExpExecArray) => Update): Update[] {
  return output.split('\n').flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [make(match)];
  });
}

/** Windows: `{"isRebootRequired":true}`, made of keys of the registry that exist while a restart waits. */
export function parseRebootPending(output: string): boolean | null {
  const root: unknown = JSON.parse(output);
  return isRecord(root) ? flag(root, 'isRebootRequired') : null;
}

/**
 * Whether a newer kernel than the running one is installed, by the names in `/lib/modules`; null when the running one is
 * not among them and nothing can be said (containers, kernels from outside).
 */
export function hasNewerKernel(installed: readonly string[], running: string): boolean | null {
  const flavour = flavourOf(running);
  const alike = installed.filter((release) => flavourOf(release) === flavour);
  if (!alike.includes(running)) return null;
  return alike.some((release) => compareReleases(release, running) > 0);
}

/** What is left without numbers: `-amd`, `-cloud-amd`, `-el-x-`. A kernel of another kind is no newer version. */
function flavourOf(release: string): string {
  return release.replace(/[^a-z]+/gi, '-');
}

/** Compares runs of digits as numbers and the rest as text. */
function compareReleases(left: string, right: string): number {
  const [a, b] = [left, right].map((release) => release.match(/\d+|\D+/g) ?? []);
  for (let i = 0; i < Math.max(a?.length ?? 0, b?.length ?? 0); i++) {
    const [x = '', y = ''] = [a?.[i], b?.[i]];
    const order = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : compareUtf8(x, y);
    if (order !== 0) return order;
  }
  return 0;
}
