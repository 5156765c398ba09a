/** Inventory fields as people read them: the unit is in the name of the field, as everywhere in Rollcall. Pure. */
import type { InventoryValue } from '../../../../collector/src/api/types.ts';
import {
  NOT_KNOWN,
  formatBytes,
  formatBytesPerSecond,
  formatCount,
  formatDateTime,
  formatRatio,
  formatSpan,
} from '../../format.ts';

/** A value that fits in one cell. */
export type Scalar = string | number | boolean | null;

/** Name and value of a field, ready to show. The value is still foreign text. */
export interface ReadableField {
  readonly label: string;
  readonly text: string;
}

interface UnitEnding {
  readonly ending: RegExp;
  format(value: number): string;
}

/** Later than this a number of milliseconds is a date (the year 2001), below it is a span. */
const EPOCH_MS_MIN = 1e12;

const UNIT_ENDINGS: readonly UnitEnding[] = [
  { ending: /bytes ?per ?second$/i, format: formatBytesPerSecond },
  { ending: /bytes$/i, format: formatBytes },
  { ending: /ratio$/i, format: formatRatio },
  { ending: /mhz$/i, format: (value) => `${formatCount(value)} MHz` },
  { ending: /hertz$|hz$/i, format: (value) => `${formatCount(value)} Hz` },
  { ending: /celsius$/i, format: (value) => `${value.toFixed(0)} °C` },
  { ending: /mbps$|mbit ?per ?second$/i, format: (value) => `${formatCount(value)} Mbit/s` },
  { ending: /mts$/i, format: (value) => `${formatCount(value)} MT/s` },
  { ending: /micro watt hours$/i, format: (value) => `${(value / 1e6).toFixed(1)} Wh` },
  { ending: /micro ampere hours$/i, format: (value) => `${(value / 1e6).toFixed(2)} Ah` },
  { ending: / cm$/i, format: (value) => `${value} cm` },
  { ending: /volts$/i, format: (value) => `${value} V` },
  { ending: / ms$/i, format: (value) => (value >= EPOCH_MS_MIN ? formatDateTime(value) : formatSpan(value)) },
  { ending: / seconds$/i, format: (value) => formatSpan(value * 1000) },
];

/** `sizeBytes: 16768000000` becomes `Size` and `15.6 GiB`. */
export function readableField(key: string, value: Scalar): ReadableField {
  const words = wordsOf(key);
  if (typeof value === 'number') {
    const unit = UNIT_ENDINGS.find(({ ending }) => ending.test(words));
    if (unit !== undefined) {
      const rest = words.replace(unit.ending, '').trim();
      return { label: sentence(rest === '' ? words : rest), text: unit.format(value) };
    }
  }
  // A yes or no says what "is" and "has" say.
  const shown = typeof value === 'boolean' ? words.replace(/^(?:is|has) /i, '') : words;
  return { label: sentence(shown), text: scalarText(value) };
}

/** The title of a key on its own: `serialNumber` → `Serial number`, `biosVersion` → `BIOS version`. */
export function readableKey(key: string): string {
  return sentence(wordsOf(key));
}

/** Whether a value fits in one cell: everything but objects and lists of other than scalars. */
export function isCell(value: InventoryValue): value is Scalar | readonly Scalar[] {
  return isScalar(value) || (Array.isArray(value) && value.every(isScalar));
}

/** One cell's text; a list becomes words with commas. */
export function cellText(key: string, value: Scalar | readonly Scalar[]): string {
  if (isScalar(value)) return readableField(key, value).text;
  return value.length === 0 ? NOT_KNOWN : value.map((one) => readableField(key, one).text).join(', ');
}

/**
 * Text for one cell of a table: a small object inside of it, such as the health of a disk, becomes words with commas.
 */
export function nestedText(key: string, value: InventoryValue | undefined): string {
  if (value === undefined) return NOT_KNOWN;
  if (isCell(value)) return cellText(key, value);
  if (Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value)
    .map(([inner, each]) => {
      const label = readableField(inner, isScalar(each) ? each : null).label.toLowerCase();
      return `${label} ${nestedText(inner, each)}`;
    })
    .join(', ');
}

export function isScalar(value: InventoryValue | undefined): value is Scalar {
  return (
    value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  );
}

/** Sections in the order people look for them; those that are not listed follow by name. */
const SECTION_TITLES: ReadonlyMap<string, string> = new Map([
  ['system', 'System'],
  ['bios', 'BIOS'],
  ['firmware', 'Firmware'],
  ['board', 'Main board'],
  ['baseboard', 'Main board'],
  ['chassis', 'Chassis'],
  ['cpu', 'CPU'],
  ['memory', 'Memory'],
  ['memoryModules', 'Memory modules'],
  ['disks', 'Disks'],
  ['filesystems', 'File systems'],
  ['nics', 'Network interfaces'],
  ['gpus', 'Graphics'],
  ['displays', 'Displays'],
  ['batteries', 'Batteries'],
  ['usb', 'USB devices'],
  ['printers', 'Printers'],
  ['os', 'Operating system'],
  ['platform', 'Platform'],
  ['updates', 'Pending updates'],
  ['encryption', 'Disk encryption'],
  ['users', 'Users'],
  ['ports', 'Listening ports'],
  ['services', 'Services'],
  ['packages', 'Packages'],
]);
const SECTION_ORDER = [...SECTION_TITLES.keys()];

/** The title of a section, made from its name when the section is not known here. */
export function sectionTitle(name: string): string {
  return SECTION_TITLES.get(name) ?? readableKey(name);
}

/** Compares two section names by the order of the page. */
export function compareSections(a: string, b: string): number {
  const rank = (name: string): number => {
    const place = SECTION_ORDER.indexOf(name);
    return place === -1 ? SECTION_ORDER.length : place;
  };
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

const ABBREVIATIONS =
  /\b(?:bios|cpu|os|id|uuid|ip|ipv4|ipv6|mac|mtu|uefi|usb|pci|gpu|url|ecc|nic|sku|dns|tpm|smart|vm)\b/gi;

function wordsOf(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_\-.]+/g, ' ')
    .trim();
}

function sentence(words: string): string {
  const lower = words.toLowerCase().replace(ABBREVIATIONS, (word) => word.toUpperCase());
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}

function scalarText(value: Scalar): string {
  if (value === null || value === '') return NOT_KNOWN;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}
