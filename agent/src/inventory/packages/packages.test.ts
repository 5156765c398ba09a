import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { HostError } from '../../host/host.ts';
import { FakeSource } from '../testing.ts';
import { packagesReader } from './packages.linux.ts';
import {
  packagesContent,
  parseApkInstalled,
  parseDpkgStatus,
  parsePacmanFolders,
  parseRpm,
  parseSnapFiles,
} from './packages.ts';

const DPKG = `Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13.dfsg-1
Description: compression library - runtime
 Status: install ok installed
 Package: not-one

Package: removed
Status: deinstall ok config-files
Version: 1.0
Architecture: all

Package: half
Status: install ok half-configured
Version: 2

Package: adduser
Status: hold ok installed
Architecture: all
Version: 3.134
`;

function shown(packages: readonly { name: string; version: string; arch: string }[]): string[] {
  return packages.map(({ name, version, arch }) => `${name} ${version} ${arch}`);
}

describe('parsers of package lists', () => {
  it('reads what dpkg has installed, and nothing else', () => {
    expect(shown(parseDpkgStatus(DPKG))).toEqual(['zlib1g 1:1.2.13.dfsg-1 amd64', 'adduser 3.134 all']);
  });

  it('reads rpm -qa with epochs and without keys', () => {
    const output =
      'bash\t(none)\t5.1.8-9.el9\tx86_64\nperl\t4\t5.32.1-481.el9\tx86_64\n' +
      'gpg-pubkey\t(none)\tfd431d51-4ae0493b\t(none)\ntzdata\t0\t2024a-1\tnoarch\nerror: rpmdb open failed\n';
    expect(shown(parseRpm(output))).toEqual([
      'bash 5.1.8-9.el9 x86_64',
      'perl 4:5.32.1-481.el9 x86_64',
      'tzdata 2024a-1 noarch',
    ]);
  });

  it('reads the database of apk', () => {
    const database =
      'C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nT:the musl library\nF:lib\nR:ld-musl-x86_64.so.1\n\n' +
      'C:Q1def=\nP:busybox\nV:1.36.1-r5\nA:x86_64\n\n';
    expect(shown(parseApkInstalled(database))).toEqual(['musl 1.2.4-r2 x86_64', 'busybox 1.36.1-r5 x86_64']);
  });

  it('reads the folders of pacman and the files of snapd', () => {
    expect(shown(parsePacmanFolders(['xorg-server-21.1.8-1', 'ALPM_DB_VERSION', 'zlib-1:1.2.13-2']))).toEqual(
      ['xorg-server 21.1.8-1 ', 'zlib 1:1.2.13-2 '],
    );
    expect(shown(parseSnapFiles(['core20_1974.snap', 'partial', 'lxd_24322.snap']))).toEqual([
      'core20 1974 ',
      'lxd 24322 ',
    ]);
  });

  it('survives any text', () => {
    const parsers = [parseDpkgStatus, parseRpm, parseApkInstalled];
    const part = fc.constantFrom(
      'Package: ',
      'Status: install ok installed',
      'P:',
      'V:',
      '\n',
      '\t',
      ':',
      '\u001b[2J',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(part, fc.string())), (parts) => {
        for (const parse of parsers) {
          const { bytes } = canonicalSection({
            name: 'packages',
            content: packagesContent(parse(parts.join(''))),
          });
          expect(bytes.includes(0x1b)).toBe(false);
        }
      }),
    );
  });
});

describe('section of packages', () => {
  it('lists all managers of a machine, in an order of its own', async () => {
    const source = new FakeSource({
      '/var/lib/dpkg/status': DPKG,
      '/var/lib/snapd/snaps/lxd_24322.snap': '',
    });
    expect(await packagesReader.read(source)).toEqual({
      count: 3,
      packages: [
        { name: 'adduser', version: '3.134', arch: 'all', manager: 'dpkg' },
        { name: 'lxd', version: '24322', arch: null, manager: 'snap' },
        { name: 'zlib1g', version: '1:1.2.13.dfsg-1', arch: 'amd64', manager: 'dpkg' },
      ],
    });
  });

  it('does not exist on a machine without a manager that we know', async () => {
    expect(await packagesReader.read(new FakeSource())).toBeUndefined();
  });

  it('fails, and is not empty, when the list cannot be read', async () => {
    const denied = new FakeSource({ '/var/lib/dpkg/status': { fails: 'denied' } });
    await expect(packagesReader.read(denied)).rejects.toMatchObject({ kind: 'denied' });
    const broken = new FakeSource({ '/var/lib/rpm/rpmdb.sqlite': '' });
    broken.outputs.set('rpmPackages', new HostError('timeout', 'run rpm'));
    await expect(packagesReader.read(broken)).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('fits on the wire for 20,000 packages, and counts those above', () => {
    const package_ = (i: number) => ({
      name: `library-with-a-long-name-${i}-dev`,
      version: `1:${i}.2.13.dfsg-1+deb12u3~bpo11+1`,
      arch: 'amd64',
      manager: 'dpkg' as const,
    });
    const content = packagesContent(Array.from({ length: 20_005 }, (_, i) => package_(i)));
    expect(content).toMatchObject({ count: 20_005, omitted: 5 });
    const { bytes } = canonicalSection({ name: 'packages', content });
    expect(bytes.length).toBeLessThan(LIMITS.inventoryBytes / 2);
  });
});
