/** Sections of macOS. Tested only by outputs written after the documentation of each program: see docs/operations.md, Other operating systems. */
import { encryptionContent, parseFileVault } from './encryption/encryption.ts';
import { packagesContent, parseHomebrew, parseMacApplications } from './packages/packages.ts';
import { parseLsof, portsContent } from './ports/ports.ts';
import { parseLaunchctl, servicesContent } from './services/services.ts';
import { linkTarget, listNames, type SectionReader, type Source } from './source.ts';
import { timeZone } from './platform/platform.ts';
import { parseMacUsers, usersContent } from './users/users.ts';

/** Where Homebrew keeps one folder per formula or cask, and in it one per version: on Apple's processors, on Intel's. */
const HOMEBREW = [
  '/opt/homebrew/Cellar',
  '/opt/homebrew/Caskroom',
  '/usr/local/Cellar',
  '/usr/local/Caskroom',
];

export const MACOS_READERS: readonly SectionReader[] = [
  {
    name: 'platform',
    read: ({ host }) => ({ timeZone: timeZone(linkTarget(host, '/etc/localtime'), null) }),
  },
  {
    name: 'packages',
    async read(source) {
      const applications = parseMacApplications(await source.run('macApplications'));
      return packagesContent([...applications, ...parseHomebrew(homebrewVersions(source))]);
    },
  },
  {
    name: 'services',
    read: async (source) => servicesContent(parseLaunchctl(await source.run('launchdServices'))),
  },
  { name: 'ports', read: async (source) => portsContent(parseLsof(await source.run('macListeners'))) },
  {
    name: 'users',
    async read(source) {
      return usersContent(parseMacUsers(await source.run('macUsers'), await source.run('macAdmins')));
    },
  },
  {
    name: 'encryption',
    read: async (source) => encryptionContent([parseFileVault(await source.run('fileVault'))]),
  },
];

function homebrewVersions({ host }: Source): (readonly [string, string])[] {
  return HOMEBREW.flatMap((folder) =>
    listNames(host, folder)
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) =>
        listNames(host, `${folder}/${name}`)
          .filter((version) => !version.startsWith('.'))
          .map((version) => [name, version] as const),
      ),
  );
}
