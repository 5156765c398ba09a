/**
 * What a display says of itself: the first block of EDID (VESA Enhanced EDID Standard, release A, revision 2, section
 * 3). Pure.
 */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { meaningful } from '../raw.ts';

const BLOCK_BYTES = 128;
const MAGIC = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
/** Offsets of the four descriptors of 18 bytes. */
const DESCRIPTORS = [54, 72, 90, 108];
const TEXT_NAME = 0xfc;
const TEXT_SERIAL = 0xff;

/** Fields of a display; undefined when the bytes are no EDID. */
export function parseEdid(edid: Buffer): InventoryRecord | undefined {
  if (edid.length < BLOCK_BYTES || !edid.subarray(0, 8).equals(MAGIC)) return undefined;
  const week = edid.readUInt8(16);
  const number = edid.readUInt32LE(12);
  const isModelYear = week === 0xff;
  return {
    manufacturer: manufacturer(edid.readUInt16BE(8)),
    productCode: edid.readUInt16LE(10).toString(16).padStart(4, '0'),
    model: descriptorText(edid, TEXT_NAME),
    serial: descriptorText(edid, TEXT_SERIAL) ?? (number === 0 ? null : String(number)),
    year: edid.readUInt8(17) + 1990,
    week: isModelYear || week === 0 ? null : week,
    widthCm: edid.readUInt8(21) || null,
    heightCm: edid.readUInt8(22) || null,
    isDigital: (edid.readUInt8(20) & 0x80) !== 0,
  };
}

/** Three letters of five bits, A = 1. */
function manufacturer(bits: number): string | null {
  const letters = [10, 5, 0].map((shift) => ((bits >> shift) & 31) + 64);
  return letters.every((letter) => letter >= 65 && letter <= 90) ? String.fromCharCode(...letters) : null;
}

function descriptorText(edid: Buffer, tag: number): string | null {
  const start = DESCRIPTORS.find((at) => edid.readUInt16LE(at) === 0 && edid.readUInt8(at + 3) === tag);
  if (start === undefined) return null;
  const [line = ''] = edid.toString('latin1', start + 5, start + 18).split('\n');
  return meaningful(cleanText(line, 13));
}
