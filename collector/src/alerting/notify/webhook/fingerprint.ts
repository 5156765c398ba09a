/**
 * The fingerprint of a label set as Prometheus and Alertmanager compute it, so that other tools recognise an alert.
 * Source: github.com/prometheus/common/model, `labelSetToFingerprint`: FNV-1a, 64 bits, over name, 0xff, value, 0xff
 * of each label in name order.
 */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';

const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const SEPARATOR = 0xff;

/** 16 hexadecimal digits. */
export function fingerprint(labels: Readonly<Record<string, string>>): string {
  let hash = OFFSET_BASIS;
  const add = (byte: number): void => {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  };
  for (const name of Object.keys(labels).sort(compareUtf8)) {
    for (const text of [name, labels[name] ?? '']) {
      for (const byte of Buffer.from(text)) add(byte);
      add(SEPARATOR);
    }
  }
  return hash.toString(16).padStart(16, '0');
}
