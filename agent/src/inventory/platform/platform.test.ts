import { describe, expect, it } from 'vitest';
import { FakeSource } from '../testing.ts';
import { platformReader } from './platform.linux.ts';
import { commaWords, efiFlag, timeZone } from './platform.ts';

it.each([
  ['/usr/share/zoneinfo/Europe/Zurich', 'Etc/UTC', 'Europe/Zurich'],
  ['../usr/share/zoneinfo/UTC', null, 'UTC'],
  ['/etc/somewhere', 'Asia/Tokyo', 'Asia/Tokyo'],
  [undefined, null, null],
])('the time zone of %s and %s is %s', (link, file, zone) => {
  expect(timeZone(link, file)).toBe(zone);
});

it('reads flags of the firmware and lists of words', () => {
  expect(
    [[6, 0, 0, 0, 1], [6, 0, 0, 0, 0], [1], undefined].map((each) => efiFlag(each && Buffer.from(each))),
  ).toEqual([true, false, null, null]);
  expect(commaWords('lockdown,capability,apparmor\n')).toEqual(['lockdown', 'capability', 'apparmor']);
  expect(commaWords(undefined)).toEqual([]);
});

describe('section of the platform', () => {
  it('says in what it runs', () => {
    const source = new FakeSource({
      '/run/systemd/container': 'lxc\n',
      '/etc/timezone': 'Europe/Berlin\n',
      '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c': '\u0006\0\0\0\u0001',
    });
    expect(platformReader.read(source)).toEqual({
      timeZone: 'Europe/Berlin',
      container: 'lxc',
      isUefi: true,
      hasSecureBoot: true,
      securityModules: [],
      kernelVersion: '#1 SMP test',
    });
    expect(platformReader.read(new FakeSource({ '/.dockerenv': '' }))).toMatchObject({ container: 'docker' });
    expect(platformReader.read(new FakeSource())).toMatchObject({ container: null, isUefi: false });
  });
});
