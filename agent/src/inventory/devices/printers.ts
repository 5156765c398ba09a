/** Print queues. Pure. */
import { redactUrl } from '@rollcall/shared/lib/secret.ts';
import type { InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { word } from '../raw.ts';

const FIELDS: ReadonlyMap<string, string> = new Map([
  ['Info', 'description'],
  ['Location', 'location'],
  ['MakeModel', 'model'],
  ['DeviceURI', 'uri'],
]);

/** printers.conf(5): `<Printer name>` blocks of `Key value` lines. Addresses lose their passwords. */
export function parsePrinters(content: string): InventoryRecord[] {
  const printers: Record<string, string | boolean>[] = [];
  for (const line of content.split('\n')) {
    const start = /^<(Default)?Printer ([^>]+)>/.exec(line);
    if (start !== null) printers.push({ name: word(start[2]), isDefault: start[1] !== undefined });
    const [, key = '', value = ''] = /^(\w+) (.*)$/.exec(line) ?? [];
    const field = FIELDS.get(key);
    const printer = printers.at(-1);
    if (field === undefined || printer === undefined) continue;
    printer[field] = word(field === 'uri' ? redactUrl(value) : value);
  }
  return printers;
}
