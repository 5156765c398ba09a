/** Pending updates by the lists that the machine has fetched itself; nothing is fetched for us. */
import { isAbsent } from '../../host/host.ts';
import type { CommandName } from '../commands.ts';
import { listNames, type SectionReader, type Source } from '../source.ts';
import {
  hasNewerKernel,
  parseApkVersion,
  parseApt,
  parseDnf,
  parsePacmanUpgrades,
  updatesContent,
  type Update,
} from './updates.ts';

/** How to ask each package manager; the first one whose database is there is asked. */
const MANAGERS: readonly {
  readonly database: string;
  readonly command: CommandName;
  readonly parse: (output: string) => Update[];
}[] = [
  { database: '/var/lib/dpkg/status', command: 'aptUpdates', parse: parseApt },
  { database: '/var/lib/rpm', command: 'dnfUpdates', parse: parseDnf },
  { database: '/usr/lib/sysimage/rpm', command: 'dnfUpdates', parse: parseDnf },
  { database: '/lib/apk/db/installed', command: 'apkUpdates', parse: parseApkVersion },
  { database: '/var/lib/pacman/local', command: 'pacmanUpdates', parse: parsePacmanUpgrades },
];

/** Made by packages of Debian and Ubuntu that want a restart. */
const REBOOT_REQUIRED = ['/run/reboot-required', '/var/run/reboot-required'];
/** One folder for each installed kernel. */
const MODULES = '/lib/modules';

export const updatesReader: SectionReader = {
  name: 'updates',
  async read(source) {
    const { host } = source;
    const isAsked = REBOOT_REQUIRED.some((path) => host.has(path));
    const isRebootRequired = isAsked || hasNewerKernel(listNames(host, MODULES), host.kernelNames().release);
    const updates = await readUpdates(source);
    if (updates === undefined && isRebootRequired === null) return undefined;
    return updatesContent(updates, isRebootRequired);
  },
};

async function readUpdates(source: Source): Promise<Update[] | undefined> {
  const manager = MANAGERS.find(({ database }) => source.host.has(database));
  if (manager === undefined) return undefined;
  try {
    return manager.parse(await source.run(manager.command));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
