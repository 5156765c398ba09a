/** Installed software as package managers write it down. Pure: text in, packages out. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { isRecord, meaningful, records, text, word } from '../raw.ts';

/** A package that is installed. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** Architecture, '' when the manager does not say. */
  readonly arch: string;
  readonly manager: PackageManager;
}

export type PackageManager = 'dpkg' | 'rpm' | 'apk' | 'pacman' | 'snap' | 'homebrew' | 'macos' | 'windows';

/** Ten times what a full desktop has; 20,000 packages are about 2 MiB of the 8 MiB that a section may have. */
const PACKAGES_MAX = 20_000;

/**
 * The section: packages by name, architecture and version. What is over the limit is counted, not hidden.
 */
export function packagesContent(packages: readonly Package[]): InventoryRecord {
  const sorted = packages
    .filter(({ name }) => name !== '')
    .sort((left, right) => compareUtf8(sortKey(left), sortKey(right)));
  const kept = sorted.slice(0, PACKAGES_MAX);
  return {
    count: sorted.length,
    ...(sorted.length > kept.length ? { omitted: sorted.length - kept.length } : {}),
    packages: kept.map(({ name, version, arch, manager }) => ({
      name,
      version,
      arch: arch === '' ? null : arch,
      manager,
    })),
  };
}

function sortKey({ name, arch, version, manager }: Package): string {
  return [name, arch, version, manager].join('\u0000');
}

/** `/var/lib/dpkg/status` (dpkg-query(1), deb-control(5)): paragraphs of fields; only what is installed counts. */
export function parseDpkgStatus(status: string): Package[] {
  return paragraphs(status).flatMap((fields) => {
    if (!(fields.get('Status') ?? '').endsWith(' installed')) return [];
    return [
      {
        name: word(fields.get('Package')),
        version: word(fields.get('Version')),
        arch: word(fields.get('Architecture')),
        manager: 'dpkg' as const,
      },
    ];
  });
}

const DPKG_FIELDS: ReadonlySet<string> = new Set(['Package', 'Status', 'Version', 'Architecture']);

function paragraphs(status: string): ReadonlyMap<string, string>[] {
  const result: Map<string, string>[] = [];
  let fields = new Map<string, string>();
  for (const line of lines(status)) {
    if (line.trim() === '') {
      if (fields.size > 0) result.push(fields);
      fields = new Map();
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    if (colon > 0 && DPKG_FIELDS.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  if (fields.size > 0) result.push(fields);
  return result;
}

/** `rpm -qa` with the format of commands.ts. Keys that sign packages are listed as packages without an architecture. */
export function parseRpm(output: string): Package[] {
  return lines(output).flatMap((line) => {
    const [name, epoch, version, arch] = line.split('\t');
    if (version === undefined || name === 'gpg-pubkey') return [];
    const full = epoch === undefined || epoch === '(none)' || epoch === '0' ? version : `${epoch}:${version}`;
    return [{ name: word(name), version: word(full), arch: word(arch), manager: 'rpm' as const }];
  });
}

/** `/lib/apk/db/installed` (apk-v2 database): paragraphs of one-letter fields, P name, V version, A architecture. */
export function parseApkInstalled(database: string): Package[] {
  return database.split('\n\n').flatMap((paragraph) => {
    const fields = new Map(lines(paragraph).map((line) => [line.slice(0, 2), line.slice(2)]));
    const name = word(fields.get('P:'));
    if (name === '') return [];
    return [{ name, version: word(fields.get('V:')), arch: word(fields.get('A:')), manager: 'apk' as const }];
  });
}

/** Names of the folders in `/var/lib/pacman/local`: `name-version-release`, where the name may have dashes. */
export function parsePacmanFolders(names: readonly string[]): Package[] {
  return names.flatMap((folder) => {
    const match = /^(.+)-([^-]+-[^-]+)$/.exec(folder);
    if (match === null) return [];
    return [{ name: word(match[1]), version: word(match[2]), arch: '', manager: 'pacman' as const }];
  });
}

/** Names of the files in `/var/lib/snapd/snaps`: `name_revision.snap`. Revisions that are kept for a way back count. */
export function parseSnapFiles(names: readonly string[]): Package[] {
  return names.flatMap((file) => {
    const match = /^([a-z0-9-]+)_([0-9x]+)\.snap$/.exec(file);
    if (match === null) return [];
    return [{ name: word(match[1]), version: word(match[2]), arch: '', manager: 'snap' as const }];
  });
}

/** `system_profiler -json SPApplicationsDataType`: applications of the machine, not of one person's folder. */
export function parseMacApplications(output: string): Package[] {
  const root: unknown = JSON.parse(output);
  return records(isRecord(root) ? root['SPApplicationsDataType'] : undefined, PACKAGES_MAX)
    .filter((raw) => !(text(raw, 'path') ?? '').startsWith('/Users/'))
    .map((raw) => ({
      name: text(raw, '_name') ?? '',
      version: text(raw, 'version') ?? '',
      arch: (text(raw, 'arch_kind') ?? '').replace(/^arch_/, ''),
      manager: 'macos' as const,
    }));
}

/** Paths `formula/version` below a Homebrew Cellar or Caskroom. */
export function parseHomebrew(versions: readonly (readonly [name: string, version: string])[]): Package[] {
  return versions.map(([name, version]) => ({
    name: word(name),
    version: word(version),
    arch: '',
    manager: 'homebrew' as const,
  }));
}

/** What `Get-ItemProperty … | ConvertTo-Json` prints of the uninstall keys: a list, or one object when there is one. */
export function parseWindowsPrograms(output: string): Package[] {
  if (output.trim() === '') return [];
  const root: unknown = JSON.parse(output);
  return records(Array.isArray(root) ? root : [root], PACKAGES_MAX).map((raw) => ({
    name: text(raw, 'DisplayName') ?? '',
    version: meaningful(raw['DisplayVersion']) ?? '',
    arch: '',
    manager: 'windows' as const,
  }));
}

function lines(content: string): string[] {
  return content.split('\n');
}
