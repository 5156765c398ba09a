/** Parses /proc/net/arp. Source: proc_pid_net(5). */
import { lines, ParseError, words } from '../parse.ts';

/** Address, kind, flags, hardware address, mask, device. */
const COLUMNS = 6;
const DEVICE_COLUMN = 5;

/**
 * Neighbours per device, in the order of their names.
 * @throws ParseError
 */
export function parseArp(bytes: Buffer): ReadonlyMap<string, number> {
  const [heading = '', ...rows] = lines(bytes);
  if (!heading.startsWith('IP address'))
    throw new ParseError('parse /proc/net/arp: the headings are missing');
  const devices = rows.map((row) => {
    const columns = words(row);
    const device = columns[DEVICE_COLUMN];
    if (columns.length !== COLUMNS || device === undefined) {
      throw new ParseError(`parse /proc/net/arp: ${JSON.stringify(row.slice(0, 80))}`);
    }
    return device;
  });
  const counts = new Map<string, number>();
  for (const device of devices.sort()) counts.set(device, (counts.get(device) ?? 0) + 1);
  return counts;
}
