/** Names of devices by their numbers, from the list that distributions carry (pci.ids, usb.ids of hwdata). Pure. */
import { word } from '../raw.ts';

/** Vendor and device, each null when the list does not know it. */
export interface DeviceNames {
  readonly vendor: string | null;
  readonly device: string | null;
}

/**
 * Looks a device up: lines `8086  Intel Corporation`, then with a tab `5917  UHD Graphics 620`.
 * @param ids four hexadecimal digits each, lower case
 */
export function deviceNames(
  list: string,
  ids: { readonly vendor: string; readonly device: string },
): DeviceNames {
  const start = lineStart(list, `${ids.vendor}  `);
  if (start === -1) return { vendor: null, device: null };
  const vendor = lineAt(list, start).slice(6);
  let device: string | null = null;
  for (let at = nextLine(list, start); at !== -1; at = nextLine(list, at)) {
    const line = lineAt(list, at);
    if (!line.startsWith('\t') && !line.startsWith('#') && line !== '') break;
    if (line.startsWith(`\t${ids.device}  `)) {
      device = word(line.slice(7));
      break;
    }
  }
  return { vendor: word(vendor), device };
}

/** Where a line begins with `prefix`, -1 when none does. */
function lineStart(list: string, prefix: string): number {
  if (list.startsWith(prefix)) return 0;
  const at = list.indexOf(`\n${prefix}`);
  return at === -1 ? -1 : at + 1;
}

function lineAt(list: string, start: number): string {
  const end = list.indexOf('\n', start);
  return list.slice(start, end === -1 ? list.length : end);
}

function nextLine(list: string, start: number): number {
  const end = list.indexOf('\n', start);
  return end === -1 || end + 1 >= list.length ? -1 : end + 1;
}
