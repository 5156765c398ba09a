/** dm-crypt, through however many layers of mapped devices and RAID lie between it and a file system. */
import { NOT_READABLE, type InventoryValue } from '@rollcall/shared/inventory/canonical.ts';
import type { Host } from '../../host/host.ts';
import { baseName, isDenied, listNames, readFact, readText, type SectionReader } from '../source.ts';
import { cryptKind, encryptionContent, parseCrypttab, parseLocalMounts } from './encryption.ts';

/** Deeper than any stack of LVM, RAID and encryption; a ring ends there. */
const LAYERS_MAX = 8;

export const encryptionReader: SectionReader = {
  name: 'encryption',
  read({ host }) {
    const mapped = mappedNames(host);
    const volumes = parseLocalMounts(readText(host, '/proc/1/mountinfo') ?? '').map(
      ({ device, mountPoint }) => {
        const name = baseName(device);
        const block = device.startsWith('/dev/mapper/') ? mapped.get(name) : name;
        const kind = block === undefined ? undefined : kindBelow(host, block, LAYERS_MAX);
        return {
          mountPoint,
          device,
          isEncrypted: kind === undefined ? null : kind !== null,
          kind: kind ?? null,
        };
      },
    );
    return encryptionContent(volumes, { crypttab: readCrypttab(host) });
  },
};

function readCrypttab(host: Host): InventoryValue {
  try {
    return parseCrypttab(readText(host, '/etc/crypttab') ?? '');
  } catch (error) {
    if (isDenied(error)) return NOT_READABLE;
    throw error;
  }
}

/** `/dev/mapper/<name>` to the kernel's name `dm-<n>`. */
function mappedNames(host: Host): ReadonlyMap<string, string> {
  const blocks = listNames(host, '/sys/block').filter((block) => block.startsWith('dm-'));
  return new Map(blocks.map((block) => [readFact(host, `/sys/block/${block}/dm/name`) ?? '', block]));
}

/** The encryption that a block device stands on: null for none, the one of all parts of a RAID. */
function kindBelow(host: Host, block: string, layersLeft: number): string | null {
  const kind = cryptKind(readFact(host, `/sys/block/${block}/dm/uuid`));
  if (kind !== null || layersLeft === 0) return kind;
  const kinds = listNames(host, `/sys/block/${block}/slaves`).map((slave) =>
    kindBelow(host, slave, layersLeft - 1),
  );
  return kinds.length > 0 && kinds.every((each) => each !== null) ? (kinds[0] ?? null) : null;
}
