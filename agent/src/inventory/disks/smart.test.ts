import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { HostError } from '../../host/host.ts';
import { FakeSource } from '../testing.ts';
import { withSmart } from './smart.linux.ts';
import { parseSmart } from './smart.ts';

function recorded(name: string): string {
  return readFileSync(join(import.meta.dirname, 'testdata', `${name}.json`), 'utf8');
}

describe('parseSmart', () => {
  it('sums up an ATA disk, without what never stands still', () => {
    expect(parseSmart(recorded('ata'))).toEqual({
      serial: 'ZFN0ABCD',
      firmware: '0001',
      model: 'ST4000DM004-2CV104',
      summary: { isHealthy: true, reallocatedSectors: 8, pendingSectors: 0, uncorrectableSectors: 0 },
    });
    const later = recorded('ata').replaceAll('23124', '23130').replaceAll('"current":32', '"current":41');
    expect(parseSmart(later)).toEqual(parseSmart(recorded('ata')));
  });

  it('sums up an NVMe disk', () => {
    expect(parseSmart(recorded('nvme'))).toMatchObject({
      serial: 'S5GXNX0R123456',
      summary: { isHealthy: true, wearRatio: 0.03, mediaErrors: 0 },
    });
  });

  it('tells a disk that is kept from us from one that sleeps or has no such thing', () => {
    expect(parseSmart(recorded('denied'))).toBe('denied');
    expect(parseSmart(recorded('standby'))).toBeUndefined();
    expect(parseSmart(recorded('virtual'))).toBeUndefined();
  });

  it.each(['', '{', '[]', 'null', '{"smartctl":7}', 'smartctl 6.6: unrecognized option'])(
    'takes %j for no answer',
    (output) => expect(parseSmart(output)).toBeUndefined(),
  );

  it('survives any answer', () => {
    const keys = fc.constantFrom(
      'smartctl',
      'smart_status',
      'passed',
      'messages',
      'ata_smart_attributes',
      'table',
    );
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), (root) => {
        expect(() => parseSmart(JSON.stringify(root))).not.toThrow();
      }),
    );
  });
});

describe('withSmart', () => {
  const disk = (device: string) => ({ device, model: null, serial: null, firmware: 'F', sizeBytes: 1 });

  it('adds a summary, and fills in what was not known', async () => {
    const source = new FakeSource();
    source.outputs.set('smart /dev/sda', recorded('ata'));
    source.outputs.set('smart /dev/sdb', recorded('denied'));
    source.outputs.set('smart /dev/sdc', new HostError('timeout', 'run smartctl'));
    const disks = ['/dev/sda', '/dev/sdb', '/dev/sdc', '/dev/cciss/c0d0'].map(disk);
    expect(await withSmart({ disks }, source)).toMatchObject({
      disks: [
        { serial: 'ZFN0ABCD', firmware: 'F', smart: { isHealthy: true } },
        { serial: null, smart: NOT_READABLE },
        { smart: null },
        { smart: null },
      ],
    });
  });

  it('leaves the section alone where smartctl is not installed', async () => {
    expect(await withSmart({ disks: [disk('/dev/sda')] }, new FakeSource())).toEqual({
      disks: [{ ...disk('/dev/sda'), smart: null }],
    });
    expect(await withSmart({ disks: NOT_READABLE }, new FakeSource())).toEqual({ disks: NOT_READABLE });
  });
});
