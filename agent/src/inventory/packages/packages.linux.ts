/** Where Linux keeps what is installed. Several managers on one machine are all listed. */
import { isAbsent } from '../../host/host.ts';
import { listNames, readText, type SectionReader, type Source } from '../source.ts';
import {
  packagesContent,
  parseApkInstalled,
  parseDpkgStatus,
  parsePacmanFolders,
  parseRpm,
  parseSnapFiles,
  type Package,
} from './packages.ts';

/** Since dpkg 1.0; readable by everybody. */
const DPKG_STATUS = '/var/lib/dpkg/status';
/** Where rpm keeps its database, which is binary and of several formats: the program is asked. */
const RPM_DATABASES = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'];
/** apk 2 and 3. */
const APK_DATABASES = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'];
const PACMAN_FOLDER = '/var/lib/pacman/local';
const SNAP_FOLDER = '/var/lib/snapd/snaps';

export const packagesReader: SectionReader = {
  name: 'packages',
  async read(source) {
    const { host } = source;
    const parts: (readonly Package[] | undefined)[] = [
      parsed(readText(host, DPKG_STATUS), parseDpkgStatus),
      await rpmPackages(source),
      ...APK_DATABASES.map((path) => parsed(readText(host, path), parseApkInstalled)),
      host.has(PACMAN_FOLDER) ? parsePacmanFolders(listNames(host, PACMAN_FOLDER)) : undefined,
      host.has(SNAP_FOLDER) ? parseSnapFiles(listNames(host, SNAP_FOLDER)) : undefined,
    ];
    if (parts.every((part) => part === undefined)) return undefined;
    return packagesContent(parts.flatMap((part) => part ?? []));
  },
};

function parsed(content: string | undefined, parse: (text: string) => Package[]): Package[] | undefined {
  return content === undefined ? undefined : parse(content);
}

/** Debian has the program without a database of its own. */
async function rpmPackages(source: Source): Promise<Package[] | undefined> {
  if (!RPM_DATABASES.some((path) => source.host.has(path))) return undefined;
  try {
    return parseRpm(await source.run('rpmPackages'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
