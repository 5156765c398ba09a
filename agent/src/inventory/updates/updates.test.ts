import { describe, expect, it } from 'vitest';
import { HostError } from '../../host/host.ts';
import { FakeSource } from '../testing.ts';
import { updatesReader } from './updates.linux.ts';
import { hasNewerKernel, parseApkVersion, parseApt, parseDnf, parsePacmanUpgrades } from './updates.ts';

const APT = `Reading package lists...
The following packages will be upgraded:
  libc6 tzdata
Inst libc6 [2.36-9] (2.36-9+deb12u3 Debian-Security:12/stable-security [amd64]) []
Inst linux-image-6.1.0-13-amd64 (6.1.55-1 Debian:12.2/stable [amd64])
Inst tzdata [2023c-5] (2023c-5+deb12u1 Debian:12.2/stable, Debian:12-updates/stable-updates [all])
Inst openssl [3.0.2-0ubuntu1.10] (3.0.2-0ubuntu1.12 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Conf libc6 (2.36-9+deb12u3 Debian-Security:12/stable-security [amd64])
`;

describe('parsers of pending updates', () => {
  it('reads a simulation of apt, without what would be new', () => {
    expect(parseApt(APT)).toEqual([
      { name: 'libc6', installed: '2.36-9', available: '2.36-9+deb12u3', isSecurity: true },
      { name: 'tzdata', installed: '2023c-5', available: '2023c-5+deb12u1', isSecurity: false },
      { name: 'openssl', installed: '3.0.2-0ubuntu1.10', available: '3.0.2-0ubuntu1.12', isSecurity: true },
    ]);
  });

  it('reads dnf, apk and pacman', () => {
    const dnf =
      '\nbash.x86_64                5.1.8-9.el9                baseos\nkernel.x86_64   5.14.0-362.el9   baseos\n' +
      'Obsoleting Packages\ngrub2-tools.x86_64   1:2.06-70.el9   baseos\n';
    expect(parseDnf(dnf).map(({ name, available }) => `${name} ${available}`)).toEqual([
      'bash 5.1.8-9.el9',
      'kernel 5.14.0-362.el9',
    ]);
    const apk =
      'Installed:                                Available:\nbusybox-1.36.1-r0    < 1.36.1-r2 \nlib-x-2-1.0-r1 < 1.1-r0\n';
    expect(parseApkVersion(apk)).toMatchObject([
      { name: 'busybox', installed: '1.36.1-r0', available: '1.36.1-r2' },
      { name: 'lib-x-2', installed: '1.0-r1', available: '1.1-r0' },
    ]);
    expect(parsePacmanUpgrades('linux 6.5.3.arch1-1 -> 6.5.5.arch1-1\n')).toMatchObject([
      { name: 'linux', installed: '6.5.3.arch1-1', available: '6.5.5.arch1-1' },
    ]);
    for (const parse of [parseApt, parseDnf, parseApkVersion, parsePacmanUpgrades]) {
      expect(parse('')).toEqual([]);
      expect(parse('E: Could not get lock\n\n(((\n')).toEqual([]);
    }
  });
});

it.each([
  [['6.1.0-9-amd64', '6.1.0-13-amd64'], '6.1.0-9-amd64', true],
  [['6.1.0-9-amd64', '6.1.0-13-amd64'], '6.1.0-13-amd64', false],
  [['6.1.0-9-amd64', '6.1.0-13-cloud-amd64'], '6.1.0-9-amd64', false],
  [['5.14.0-70.el9.x86_64', '5.14.0-362.8.1.el9.x86_64'], '5.14.0-70.el9.x86_64', true],
  [['6.5.0-14-generic'], '6.5.0-14-generic', false],
  // Nothing can be said: the running kernel is not one of this machine's.
  [['6.5.0-14-generic'], '6.1.0-fc', null],
  [[], '6.1.0-fc', null],
])('a newer kernel than the running one: %j, %s: %s', (installed, running, expected) => {
  expect(hasNewerKernel(installed, running)).toBe(expected);
});

describe('section of updates', () => {
  it('counts, and knows that a restart waits', async () => {
    const source = new FakeSource({ '/var/lib/dpkg/status': '', '/run/reboot-required': '' });
    source.outputs.set('aptUpdates', APT);
    expect(await updatesReader.read(source)).toMatchObject({
      isRebootRequired: true,
      count: 3,
      securityCount: 2,
    });
  });

  it('says only what can be said', async () => {
    expect(await updatesReader.read(new FakeSource())).toBeUndefined();
    const modules = { '/lib/modules/6.1.0-test/x': '' };
    expect(await updatesReader.read(new FakeSource(modules))).toEqual({ isRebootRequired: false });
    const broken = new FakeSource({ '/var/lib/dpkg/status': '' });
    broken.outputs.set('aptUpdates', new HostError('io', 'run apt-get: ended with 100'));
    await expect(updatesReader.read(broken)).rejects.toThrow('ended with 100');
    const arch = new FakeSource({ '/var/lib/pacman/local/zlib-1-1/desc': '' });
    arch.outputs.set('pacmanUpdates', '');
    expect(await updatesReader.read(arch)).toMatchObject({ count: 0, isRebootRequired: null });
  });
});
