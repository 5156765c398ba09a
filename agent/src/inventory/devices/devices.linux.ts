/** Devices that Linux shows in /sys: graphics, displays, batteries, USB; and the printers of CUPS. */
import {
  NOT_READABLE,
  type InventoryRecord,
  type InventoryValue,
} from '@rollcall/shared/inventory/canonical.ts';
import type { Host } from '../../host/host.ts';
import {
  baseName,
  isDenied,
  linkTarget,
  listNames,
  readBytes,
  readFact,
  readText,
  type SectionReader,
} from '../source.ts';
import { parseEdid } from './edid.ts';
import { deviceNames } from './pci-ids.ts';
import { parsePrinters } from './printers.ts';

const PCI_DEVICES = '/sys/bus/pci/devices';
/** First byte of the class of a display controller (PCI Code and ID Assignment). */
const PCI_DISPLAY = /^0x03/;
const PCI_IDS = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'];
const CONNECTORS = '/sys/class/drm';
const POWER_SUPPLIES = '/sys/class/power_supply';
const USB_DEVICES = '/sys/bus/usb/devices';
const PRINTERS = '/etc/cups/printers.conf';
const DEVICES_MAX = 1_024;

/** Graphics processors by their place on the PCI bus. */
export const gpusReader: SectionReader = {
  name: 'gpus',
  read({ host }) {
    const places = listNames(host, PCI_DEVICES).filter((place) => {
      return PCI_DISPLAY.test(readFact(host, `${PCI_DEVICES}/${place}/class`) ?? '');
    });
    const list = places.length === 0 ? '' : firstText(host, PCI_IDS);
    return { gpus: places.slice(0, DEVICES_MAX).map((place) => gpu(host, place, list)) };
  },
};

function gpu(host: Host, place: string, list: string): InventoryRecord {
  const folder = `${PCI_DEVICES}/${place}`;
  const [vendor, device] = ['vendor', 'device'].map((file) =>
    (readFact(host, `${folder}/${file}`) ?? '').replace(/^0x/, ''),
  );
  const names = deviceNames(list, { vendor: vendor ?? '', device: device ?? '' });
  const driver = linkTarget(host, `${folder}/driver`);
  return {
    place,
    vendor: names.vendor,
    model: names.device,
    id: `${vendor}:${device}`,
    driver: driver === undefined ? null : baseName(driver),
  };
}

/** Displays that are connected, by their connector. */
export const displaysReader: SectionReader = {
  name: 'displays',
  read({ host }) {
    const displays = listNames(host, CONNECTORS)
      .filter((name) => /^card\d+-/.test(name))
      .flatMap((name) => {
        const edid = readBytes(host, `${CONNECTORS}/${name}/edid`);
        const display = edid === undefined ? undefined : parseEdid(edid);
        return display === undefined ? [] : [{ connector: name.replace(/^card\d+-/, ''), ...display }];
      });
    return { displays: displays.slice(0, DEVICES_MAX) };
  },
};

/** Batteries without what changes while they are used; `capacity` of a mouse or a pen is no inventory. */
export const batteriesReader: SectionReader = {
  name: 'batteries',
  read({ host }) {
    const batteries = listNames(host, POWER_SUPPLIES).flatMap((name) => {
      const folder = `${POWER_SUPPLIES}/${name}`;
      const fact = (file: string): string | null => readFact(host, `${folder}/${file}`);
      if (fact('type') !== 'Battery' || fact('scope') === 'Device') return [];
      return [
        {
          name,
          manufacturer: fact('manufacturer'),
          model: fact('model_name'),
          serial: fact('serial_number'),
          technology: fact('technology'),
          // Micro-watt-hours or micro-ampere-hours (Documentation/power/power_supply_class.rst).
          designMicroWattHours: amount(fact('energy_full_design')),
          designMicroAmpereHours: amount(fact('charge_full_design')),
        },
      ];
    });
    return { batteries };
  },
};

/** What is plugged in, without the hubs of the machine itself and the interfaces of devices. */
export const usbReader: SectionReader = {
  name: 'usb',
  read({ host }) {
    const devices = listNames(host, USB_DEVICES)
      .filter((name) => /^\d+-[\d.]+$/.test(name))
      .map((name) => {
        const fact = (file: string): string | null => readFact(host, `${USB_DEVICES}/${name}/${file}`);
        return {
          place: name,
          manufacturer: fact('manufacturer'),
          product: fact('product'),
          serial: fact('serial'),
          id: `${fact('idVendor')}:${fact('idProduct')}`,
        };
      });
    return { devices: devices.slice(0, DEVICES_MAX) };
  },
};

/** Queues of CUPS. Their file may hold passwords, so only root and the group of the print server may read it. */
export const printersReader: SectionReader = {
  name: 'printers',
  read({ host }) {
    return { printers: readPrinters(host) };
  },
};

function readPrinters(host: Host): InventoryValue {
  try {
    return parsePrinters(readText(host, PRINTERS) ?? '').slice(0, DEVICES_MAX);
  } catch (error) {
    if (isDenied(error)) return NOT_READABLE;
    throw error;
  }
}

function firstText(host: Host, paths: readonly string[]): string {
  for (const path of paths) {
    const content = readText(host, path);
    if (content !== undefined) return content;
  }
  return '';
}

function amount(value: string | null): number | null {
  return value !== null && /^\d{1,12}$/.test(value) && value !== '0' ? Number(value) : null;
}
