/** Sections of Windows. Tested only by outputs written after the documentation of each program: see docs/operations.md, Other operating systems. */
import { encryptionContent, parseBitLocker } from './encryption/encryption.ts';
import { packagesContent, parseWindowsPrograms } from './packages/packages.ts';
import { parseWindowsListeners, portsContent } from './ports/ports.ts';
import { parseWindowsServices, servicesContent } from './services/services.ts';
import type { SectionReader } from './source.ts';
import { parseRebootPending, updatesContent } from './updates/updates.ts';
import { parseWindowsUsers, usersContent } from './users/users.ts';

export const WINDOWS_READERS: readonly SectionReader[] = [
  {
    name: 'packages',
    read: async (source) => packagesContent(parseWindowsPrograms(await source.run('winPrograms'))),
  },
  {
    name: 'services',
    read: async (source) => servicesContent(parseWindowsServices(await source.run('winServices'))),
  },
  {
    name: 'ports',
    read: async (source) => portsContent(parseWindowsListeners(await source.run('winListeners'))),
  },
  { name: 'users', read: async (source) => usersContent(parseWindowsUsers(await source.run('winUsers'))) },
  {
    name: 'updates',
    // Which updates wait is known to the update service only, which asks a server: it is left alone.
    read: async (source) =>
      updatesContent(undefined, parseRebootPending(await source.run('winRebootPending'))),
  },
  {
    name: 'encryption',
    read: async (source) => encryptionContent(parseBitLocker(await source.run('winBitLocker'))),
  },
];
