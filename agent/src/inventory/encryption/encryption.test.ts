import { describe, expect, it } from 'vitest';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { FakeSource } from '../testing.ts';
import { encryptionReader } from './encryption.linux.ts';

const MOUNTS = `22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw
23 22 0:5 / /dev rw,nosuid - devtmpfs udev rw
24 22 8:1 / /boot rw - ext4 /dev/sda1 rw
25 22 7:0 / /snap/core ro - squashfs /dev/loop0 ro
26 22 9:0 / /data rw - xfs /dev/md0 rw
27 22 253:1 /home /home\\040x rw - ext4 /dev/mapper/vg-root rw
28 22 8:49 / /mnt/\\033[31m rw - ext4 /dev/sdd1 rw
`;

describe('section of encryption', () => {
  const files = {
    '/proc/1/mountinfo': MOUNTS,
    '/sys/block/dm-0/dm/name': 'crypt\n',
    '/sys/block/dm-0/dm/uuid': 'CRYPT-LUKS2-0123456789abcdef-crypt\n',
    '/sys/block/dm-0/slaves/sda2': '',
    '/sys/block/dm-1/dm/name': 'vg-root\n',
    '/sys/block/dm-1/dm/uuid': 'LVM-xyz\n',
    '/sys/block/dm-1/slaves/dm-0': '',
    '/sys/block/md0/slaves/sdb': '',
    '/sys/block/md0/slaves/sdc': '',
    '/etc/crypttab': '# comment\ncrypt UUID=1234 none luks\n\n',
  };

  it('finds encryption below LVM, and says so for what has none', () => {
    expect(encryptionReader.read(new FakeSource(files))).toEqual({
      crypttab: [{ name: 'crypt', device: 'UUID=1234' }],
      volumes: [
        { mountPoint: '/', device: '/dev/mapper/vg-root', isEncrypted: true, kind: 'LUKS2' },
        { mountPoint: '/boot', device: '/dev/sda1', isEncrypted: false, kind: null },
        { mountPoint: '/data', device: '/dev/md0', isEncrypted: false, kind: null },
        { mountPoint: '/mnt/[31m', device: '/dev/sdd1', isEncrypted: false, kind: null },
      ],
    });
  });

  it('calls a RAID encrypted when all of its parts are', () => {
    const parts = { '/sys/block/sdb/dm/uuid': 'CRYPT-PLAIN-x', '/sys/block/sdc/dm/uuid': 'CRYPT-PLAIN-y' };
    const data = (more: Record<string, string>): unknown =>
      JSON.parse(JSON.stringify(encryptionReader.read(new FakeSource({ ...files, ...more })))).volumes[2];
    expect(data(parts)).toMatchObject({ isEncrypted: true, kind: 'PLAIN' });
    expect(data({ '/sys/block/sdb/dm/uuid': 'CRYPT-PLAIN-x' })).toMatchObject({ isEncrypted: false });
  });

  it('ends where layers go round in a ring, and marks what is kept from us', () => {
    const ring = { ...files, '/sys/block/dm-0/dm/uuid': 'LVM-a', '/sys/block/dm-0/slaves/dm-1': '' };
    expect(encryptionReader.read(new FakeSource(ring))).toMatchObject({
      volumes: [{ isEncrypted: false }, {}, {}, {}],
    });
    const source = new FakeSource({ '/etc/crypttab': { fails: 'denied' } });
    expect(encryptionReader.read(source)).toEqual({ crypttab: NOT_READABLE, volumes: [] });
  });
});
