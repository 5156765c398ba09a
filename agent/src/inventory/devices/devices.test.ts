import { describe, expect, it } from 'vitest';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { FakeSource } from '../testing.ts';
import { batteriesReader, displaysReader, gpusReader, printersReader, usbReader } from './devices.linux.ts';
import { parseEdid } from './edid.ts';
import { deviceNames } from './pci-ids.ts';

/** A block like that of a Dell U2415: DEL, product a0b9, week 27 of 2017. */
function edid(): Buffer {
  const bytes = Buffer.alloc(128);
  Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]).copy(bytes);
  bytes.writeUInt16BE((4 << 10) | (5 << 5) | 12, 8);
  bytes.writeUInt16LE(0xa0b9, 10);
  bytes.writeUInt32LE(0x4c353236, 12);
  bytes.set([27, 27, 1, 4, 0xa5, 52, 32], 16);
  Buffer.concat([Buffer.from([0, 0, 0, 0xff, 0]), Buffer.from('XKV0P77I625L\n')]).copy(bytes, 72);
  Buffer.concat([Buffer.from([0, 0, 0, 0xfc, 0]), Buffer.from('DELL U2415\n  ')]).copy(bytes, 90);
  return bytes;
}

describe('parseEdid', () => {
  it('reads maker, model, serial, date and size', () => {
    expect(parseEdid(edid())).toEqual({
      manufacturer: 'DEL',
      productCode: 'a0b9',
      model: 'DELL U2415',
      serial: 'XKV0P77I625L',
      year: 2017,
      week: 27,
      widthCm: 52,
      heightCm: 32,
      isDigital: true,
    });
  });

  it('knows what is missing from what is zero', () => {
    const bytes = edid();
    bytes.fill(0, 54, 126);
    bytes.fill(0, 12, 17);
    bytes.fill(0, 21, 23);
    expect(parseEdid(bytes)).toMatchObject({ model: null, serial: null, week: null, widthCm: null });
  });

  it('takes other bytes for no display', () => {
    expect(parseEdid(Buffer.alloc(0))).toBeUndefined();
    expect(parseEdid(Buffer.alloc(128))).toBeUndefined();
    expect(parseEdid(edid().subarray(0, 127))).toBeUndefined();
  });
});

const PCI_IDS = `# comment
1002  Advanced Micro Devices, Inc. [AMD/ATI]
\t1304  Kaveri
8086  Intel Corporation
\t5916  HD Graphics 620
\t5917  UHD Graphics 620
\t\t17aa 2258  ThinkPad T480
ffff  Illegal Vendor ID
`;

it.each([
  ['8086', '5917', 'Intel Corporation', 'UHD Graphics 620'],
  ['8086', '1304', 'Intel Corporation', null],
  ['1234', '5917', null, null],
  ['', '', null, null],
  ['ffff', '0001', 'Illegal Vendor ID', null],
])('the list of names knows %s:%s as %s %s', (vendor, device, vendorName, deviceName) => {
  expect(deviceNames(PCI_IDS, { vendor, device })).toEqual({ vendor: vendorName, device: deviceName });
});

describe('sections of devices', () => {
  it('lists graphics processors by their place, and nothing else of the bus', () => {
    const source = new FakeSource({
      '/sys/bus/pci/devices/0000:00:02.0/class': '0x030000\n',
      '/sys/bus/pci/devices/0000:00:02.0/vendor': '0x8086\n',
      '/sys/bus/pci/devices/0000:00:02.0/device': '0x5917\n',
      '/sys/bus/pci/devices/0000:00:1f.6/class': '0x020000\n',
      '/usr/share/misc/pci.ids': PCI_IDS,
    });
    source.host.readLink = () => '../../../bus/pci/drivers/i915';
    expect(gpusReader.read(source)).toEqual({
      gpus: [
        {
          place: '0000:00:02.0',
          vendor: 'Intel Corporation',
          model: 'UHD Graphics 620',
          id: '8086:5917',
          driver: 'i915',
        },
      ],
    });
    expect(gpusReader.read(new FakeSource())).toEqual({ gpus: [] });
  });

  it('lists displays that are connected', () => {
    const source = new FakeSource({ '/sys/class/drm/card0-DP-1/edid': '', '/sys/class/drm/version': 'x' });
    source.host.files.set('/sys/class/drm/card0-HDMI-A-1/edid', edid());
    expect(displaysReader.read(source)).toMatchObject({
      displays: [{ connector: 'HDMI-A-1', model: 'DELL U2415' }],
    });
  });

  it('lists batteries of the machine, without its mouse and its mains', () => {
    const folder = '/sys/class/power_supply';
    const source = new FakeSource({
      [`${folder}/AC/type`]: 'Mains\n',
      [`${folder}/hidpp_battery_0/type`]: 'Battery\n',
      [`${folder}/hidpp_battery_0/scope`]: 'Device\n',
      [`${folder}/BAT0/type`]: 'Battery\n',
      [`${folder}/BAT0/manufacturer`]: 'SMP\n',
      [`${folder}/BAT0/serial_number`]: ' 3044\n',
      [`${folder}/BAT0/energy_full_design`]: '50450000\n',
      [`${folder}/BAT0/energy_now`]: '1\n',
    });
    expect(batteriesReader.read(source)).toEqual({
      batteries: [
        {
          name: 'BAT0',
          manufacturer: 'SMP',
          model: null,
          serial: '3044',
          technology: null,
          designMicroWattHours: 50_450_000,
          designMicroAmpereHours: null,
        },
      ],
    });
  });

  it('lists USB devices without hubs of the machine and interfaces, and marks what is kept from us', () => {
    const folder = '/sys/bus/usb/devices';
    const source = new FakeSource({
      [`${folder}/usb1/idVendor`]: '1d6b\n',
      [`${folder}/1-4/idVendor`]: '046d\n',
      [`${folder}/1-4/idProduct`]: 'c52b\n',
      [`${folder}/1-4/product`]: 'USB Receiver\n',
      [`${folder}/1-4/serial`]: { fails: 'denied' },
      [`${folder}/1-4:1.0/x`]: '',
    });
    expect(usbReader.read(source)).toEqual({
      devices: [
        { place: '1-4', manufacturer: null, product: 'USB Receiver', serial: NOT_READABLE, id: '046d:c52b' },
      ],
    });
  });

  it('lists printers without passwords, and says when they are kept from us', () => {
    const content =
      '# written by cupsd\n<DefaultPrinter office>\nUUID urn:uuid:1\nInfo Office\nMakeModel HP LaserJet\n' +
      'DeviceURI ipp://user:secret@10.0.0.9/ipp\nState Idle\n</DefaultPrinter>\n<Printer label>\nInfo\n</Printer>\n';
    expect(printersReader.read(new FakeSource({ '/etc/cups/printers.conf': content }))).toEqual({
      printers: [
        {
          name: 'office',
          isDefault: true,
          description: 'Office',
          model: 'HP LaserJet',
          uri: expect.not.stringContaining('secret'),
        },
        { name: 'label', isDefault: false },
      ],
    });
    const denied = new FakeSource({ '/etc/cups/printers.conf': { fails: 'denied' } });
    expect(printersReader.read(denied)).toEqual({ printers: NOT_READABLE });
  });
});
