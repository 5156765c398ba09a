/** Facts about how a system is set up. Pure. */
import { word } from '../raw.ts';

const ZONES = '/zoneinfo/';

/**
 * The zone by its name in the tz database, null when the machine does not say one (it then keeps UTC).
 * @param link where `/etc/localtime` points (localtime(5)) · @param file what Debian writes into `/etc/timezone`
 */
export function timeZone(link: string | undefined, file: string | null): string | null {
  const at = link?.lastIndexOf(ZONES) ?? -1;
  return link === undefined || at === -1 ? file : word(link.slice(at + ZONES.length));
}

/** An EFI variable of one byte behind four bytes of attributes (efivarfs); null when there is none. */
export function efiFlag(variable: Uint8Array | undefined): boolean | null {
  return variable?.length === 5 ? variable[4] === 1 : null;
}

/** Words with commas, as in `/sys/kernel/security/lsm`. */
export function commaWords(content: string | undefined): string[] {
  const words = (content ?? '').trim().split(',').map(word);
  return words.filter((each) => each !== '');
}
