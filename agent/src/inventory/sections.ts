/**
 * The sections of the inventory, made of what systeminformation answers. Only what stays the same from one reading to
 * the next is taken, so that a section changes when the machine does: no temperatures, current clock rates, link
 * states, free space or addresses of IPv6, which privacy extensions change daily. null means that the machine does not
 * tell; NOT_READABLE that it does, but not to us.
 */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import {
  NOT_READABLE,
  type InventoryRecord,
  type InventorySection,
  type InventoryValue,
} from '@rollcall/shared/inventory/canonical.ts';
import type { LibraryCall } from './library.ts';
import { field, flag, isRecord, positive, records, text, type RawRecord } from './raw.ts';

/** Whether a file exists and is kept from us. */
export type IsDenied = (path: string) => boolean;

const DMI = '/sys/class/dmi/id';
/** Firmware tables that dmidecode reads. */
const DMI_TABLES = '/sys/firmware/dmi/tables/DMI';
/** Block devices that are no hardware. */
const DISK_VIRTUAL = /^(loop|ram|zram|md|dm-|nbd|fd|sr)[0-9]*/;

/** One section: which answers it needs, and what it makes of them. */
interface SectionMaker {
  readonly name: string;
  readonly calls: readonly LibraryCall[];
  readonly make: (answers: RawRecord, isDenied: IsDenied) => InventoryRecord;
}

/** Devices that Linux shows in files; elsewhere the library finds them. */
const DEVICE_MAKERS: readonly SectionMaker[] = [
  { name: 'gpus', calls: ['graphics'], make: gpusSection },
  { name: 'displays', calls: ['graphics'], make: displaysSection },
  { name: 'batteries', calls: ['battery'], make: batteriesSection },
  { name: 'usb', calls: ['usb'], make: usbSection },
  { name: 'printers', calls: ['printer'], make: printersSection },
];

const MAKERS: readonly SectionMaker[] = [
  { name: 'system', calls: ['system'], make: systemSection },
  { name: 'bios', calls: ['bios'], make: biosSection },
  { name: 'board', calls: ['baseboard'], make: boardSection },
  { name: 'chassis', calls: ['chassis'], make: chassisSection },
  { name: 'cpu', calls: ['cpu'], make: cpuSection },
  { name: 'memory', calls: ['mem', 'memLayout'], make: memorySection },
  { name: 'disks', calls: ['blockDevices', 'diskLayout'], make: disksSection },
  { name: 'nics', calls: ['networkInterfaces'], make: nicsSection },
  { name: 'os', calls: ['osInfo'], make: osSection },
];

export interface InventoryAnswer {
  readonly sections: readonly InventorySection[];
  /** Sections that could not be made because a call gave no answer. */
  readonly missing: readonly string[];
}

/** For which machine, and without what. */
export interface SectionScope {
  readonly platform: NodeJS.Platform;
  /** Names of sections that are not made. */
  readonly excluded: ReadonlySet<string>;
}

function makersOf({ platform, excluded }: SectionScope): SectionMaker[] {
  const makers = platform === 'linux' ? MAKERS : [...MAKERS, ...DEVICE_MAKERS];
  return makers.filter(({ name }) => !excluded.has(name));
}

/** The calls that the sections need. */
export function libraryCalls(scope: SectionScope): LibraryCall[] {
  return [...new Set(makersOf(scope).flatMap(({ calls }) => calls))];
}

/** @param answers per call of systeminformation what it gave; calls that failed are left out */
export function makeSections(answers: RawRecord, isDenied: IsDenied, scope: SectionScope): InventoryAnswer {
  const sections: InventorySection[] = [];
  const missing: string[] = [];
  for (const { name, calls, make } of makersOf(scope)) {
    const isComplete = calls.every((call) => typeof field(answers, call) === 'object');
    if (isComplete) sections.push({ name, content: make(answers, isDenied) });
    else missing.push(name);
  }
  return { sections, missing };
}

function systemSection(answers: RawRecord, isDenied: IsDenied): InventoryRecord {
  const raw = answer(answers, 'system');
  return {
    manufacturer: text(raw, 'manufacturer'),
    model: text(raw, 'model'),
    version: text(raw, 'version'),
    serial: orDenied(text(raw, 'serial'), isDenied, `${DMI}/product_serial`),
    uuid: orDenied(text(raw, 'uuid'), isDenied, `${DMI}/product_uuid`),
    sku: text(raw, 'sku'),
    isVirtual: flag(raw, 'virtual') === true || hasHypervisorFlag(answer(answers, 'cpu')),
    hypervisor: text(raw, 'virtualHost'),
  };
}

/** x86 processors of virtual machines say so themselves; the firmware, which says it elsewhere, may be kept from us. */
function hasHypervisorFlag(cpu: RawRecord): boolean {
  const flags = field(cpu, 'flags');
  return typeof flags === 'string' && flags.split(' ').includes('hypervisor');
}

function biosSection(answers: RawRecord): InventoryRecord {
  const raw = answer(answers, 'bios');
  return {
    vendor: text(raw, 'vendor'),
    version: text(raw, 'version'),
    releaseDate: text(raw, 'releaseDate'),
    revision: text(raw, 'revision'),
  };
}

function boardSection(answers: RawRecord, isDenied: IsDenied): InventoryRecord {
  const raw = answer(answers, 'baseboard');
  return {
    manufacturer: text(raw, 'manufacturer'),
    model: text(raw, 'model'),
    version: text(raw, 'version'),
    serial: orDenied(text(raw, 'serial'), isDenied, `${DMI}/board_serial`),
    assetTag: text(raw, 'assetTag'),
    memoryBytesMax: orDenied(positive(raw, 'memMax'), isDenied, DMI_TABLES),
    memorySlots: orDenied(positive(raw, 'memSlots'), isDenied, DMI_TABLES),
  };
}

function chassisSection(answers: RawRecord, isDenied: IsDenied): InventoryRecord {
  const raw = answer(answers, 'chassis');
  return {
    manufacturer: text(raw, 'manufacturer'),
    model: text(raw, 'model'),
    type: text(raw, 'type'),
    version: text(raw, 'version'),
    serial: orDenied(text(raw, 'serial'), isDenied, `${DMI}/chassis_serial`),
    assetTag: text(raw, 'assetTag'),
    sku: text(raw, 'sku'),
  };
}

function cpuSection(answers: RawRecord, isDenied: IsDenied): InventoryRecord {
  const raw = answer(answers, 'cpu');
  const cache = answer(raw, 'cache');
  return {
    manufacturer: text(raw, 'manufacturer'),
    brand: text(raw, 'brand'),
    family: text(raw, 'family'),
    model: text(raw, 'model'),
    stepping: text(raw, 'stepping'),
    speedGhzMin: positive(raw, 'speedMin'),
    speedGhzMax: positive(raw, 'speedMax'),
    threads: positive(raw, 'cores'),
    cores: positive(raw, 'physicalCores'),
    performanceCores: positive(raw, 'performanceCores'),
    efficiencyCores: positive(raw, 'efficiencyCores'),
    packages: positive(raw, 'processors'),
    socket: orDenied(text(raw, 'socket'), isDenied, DMI_TABLES),
    hasVirtualization: flag(raw, 'virtualization'),
    cacheBytes: {
      l1d: positive(cache, 'l1d'),
      l1i: positive(cache, 'l1i'),
      l2: positive(cache, 'l2'),
      l3: positive(cache, 'l3'),
    },
  };
}

function memorySection(answers: RawRecord, isDenied: IsDenied): InventoryRecord {
  // Without firmware tables systeminformation makes up one module of all memory; it has no place and no type.
  const modules = records(field(answers, 'memLayout')).filter(
    (raw) => text(raw, 'bank') !== null || text(raw, 'type') !== null,
  );
  return {
    totalBytes: positive(answer(answers, 'mem'), 'total'),
    modules: modules.length > 0 ? modules.map(memoryModule) : orDenied(null, isDenied, DMI_TABLES),
  };
}

function memoryModule(raw: RawRecord): InventoryRecord {
  return {
    bank: text(raw, 'bank'),
    sizeBytes: positive(raw, 'size'),
    type: text(raw, 'type'),
    hasEcc: flag(raw, 'ecc'),
    clockMhz: positive(raw, 'clockSpeed'),
    formFactor: text(raw, 'formFactor'),
    manufacturer: text(raw, 'manufacturer'),
    partNumber: text(raw, 'partNum'),
    serial: text(raw, 'serialNum'),
  };
}

/** `blockDevices` knows every disk, `diskLayout` more about some; virtual disks often have no model. */
function disksSection(answers: RawRecord): InventoryRecord {
  const layouts = new Map(records(field(answers, 'diskLayout')).map((raw) => [text(raw, 'device'), raw]));
  const blocks = records(field(answers, 'blockDevices')).filter(
    (raw) => text(raw, 'type') === 'disk' && !DISK_VIRTUAL.test(text(raw, 'name') ?? ''),
  );
  return { disks: sorted(blocks, 'device').map((raw) => disk(raw, layouts.get(text(raw, 'device')) ?? {})) };
}

function disk(block: RawRecord, layout: RawRecord): InventoryRecord {
  return {
    device: text(block, 'device'),
    sizeBytes: positive(block, 'size'),
    kind: text(layout, 'type') ?? text(block, 'physical'),
    model: text(layout, 'name') ?? text(block, 'model'),
    vendor: text(layout, 'vendor'),
    serial: text(layout, 'serialNum') ?? text(block, 'serial'),
    firmware: text(layout, 'firmwareRevision'),
    interface: text(layout, 'interfaceType') ?? text(block, 'protocol'),
    isRemovable: flag(block, 'removable'),
  };
}

/** Interfaces of containers come and go with them and are no hardware. */
function nicsSection(answers: RawRecord): InventoryRecord {
  const real = records(field(answers, 'networkInterfaces')).filter(
    (raw) => flag(raw, 'internal') !== true && flag(raw, 'virtual') !== true,
  );
  const nics = sorted(real, 'iface').map((raw) => ({
    name: text(raw, 'iface'),
    mac: stableMac(raw),
    type: text(raw, 'type'),
    mtuBytes: positive(raw, 'mtu'),
    ip4: text(raw, 'ip4'),
    ip4Subnet: text(raw, 'ip4subnet'),
    hasDhcp: flag(raw, 'dhcp'),
  }));
  return { nics };
}

/** Wireless interfaces may invent an address for each network; such a one is marked as locally administered. */
function stableMac(raw: RawRecord): string | null {
  const mac = text(raw, 'mac')?.toLowerCase() ?? null;
  const isLocal = mac !== null && (Number.parseInt(mac.slice(0, 2), 16) & 2) === 2;
  return isLocal && text(raw, 'type') === 'wireless' ? null : mac;
}

/** Without the machine id, which systemd calls confidential, and the full name, which is asked of DNS. */
function osSection(answers: RawRecord): InventoryRecord {
  const raw = answer(answers, 'osInfo');
  return {
    platform: text(raw, 'platform'),
    distribution: text(raw, 'distro'),
    release: text(raw, 'release'),
    codename: text(raw, 'codename'),
    kernel: text(raw, 'kernel'),
    arch: text(raw, 'arch'),
    hostname: text(raw, 'hostname'),
    build: text(raw, 'build'),
    servicePack: text(raw, 'servicepack'),
    hasUefi: flag(raw, 'uefi'),
  };
}

function gpusSection(answers: RawRecord): InventoryRecord {
  const gpus = records(field(answer(answers, 'graphics'), 'controllers')).map((raw) => ({
    place: text(raw, 'busAddress'),
    vendor: text(raw, 'vendor'),
    model: text(raw, 'model'),
    id: text(raw, 'deviceId'),
    driver: text(raw, 'driverVersion'),
  }));
  return { gpus };
}

function displaysSection(answers: RawRecord): InventoryRecord {
  const displays = records(field(answer(answers, 'graphics'), 'displays')).map((raw) => ({
    connector: text(raw, 'connection'),
    manufacturer: text(raw, 'vendor'),
    model: text(raw, 'model'),
    serial: text(raw, 'serial'),
    year: positive(raw, 'productionYear'),
    isBuiltIn: flag(raw, 'builtin'),
  }));
  return { displays };
}

function batteriesSection(answers: RawRecord): InventoryRecord {
  const raw = answer(answers, 'battery');
  if (flag(raw, 'hasBattery') !== true) return { batteries: [] };
  const milliWattHours =
    text(raw, 'capacityUnit')?.toLowerCase() === 'mwh' ? positive(raw, 'designedCapacity') : null;
  return {
    batteries: [
      {
        name: text(raw, 'type'),
        manufacturer: text(raw, 'manufacturer'),
        model: text(raw, 'model'),
        serial: text(raw, 'serial'),
        technology: text(raw, 'type'),
        designMicroWattHours: milliWattHours === null ? null : milliWattHours * 1_000,
        designMicroAmpereHours: null,
      },
    ],
  };
}

function usbSection(answers: RawRecord): InventoryRecord {
  const devices = sorted(records(field(answers, 'usb')), 'name').map((raw) => ({
    manufacturer: text(raw, 'manufacturer') ?? text(raw, 'vendor'),
    product: text(raw, 'name'),
    serial: text(raw, 'serialNumber'),
    type: text(raw, 'type'),
  }));
  return { devices };
}

function printersSection(answers: RawRecord): InventoryRecord {
  const printers = sorted(records(field(answers, 'printer')), 'name').map((raw) => ({
    name: text(raw, 'name'),
    model: text(raw, 'model'),
    isDefault: flag(raw, 'default'),
    isShared: flag(raw, 'shared'),
  }));
  return { printers };
}

function answer(answers: RawRecord, call: string): RawRecord {
  const value = field(answers, call);
  return isRecord(value) ? value : {};
}

/** NOT_READABLE in place of a value that is missing because `path` is kept from us. */
function orDenied(value: InventoryValue, isDenied: IsDenied, path: string): InventoryValue {
  return value === null && isDenied(path) ? NOT_READABLE : value;
}

function sorted(list: readonly RawRecord[], key: string): RawRecord[] {
  return list.toSorted((left, right) => compareUtf8(text(left, key) ?? '', text(right, key) ?? ''));
}
