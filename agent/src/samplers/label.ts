/** Label values as they may travel. */
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';

/**
 * `raw` without control and bidi characters and without broken surrogates, cut to at most 256 bytes of UTF-8 at the
 * border of a character. Two different raw values may become equal.
 */
export function cleanLabel(raw: string): string {
  const clean = cleanText(raw, LIMITS.labelValueBytes).toWellFormed();
  const bytes = Buffer.from(clean);
  if (bytes.length <= LIMITS.labelValueBytes) return clean;
  let end: number = LIMITS.labelValueBytes;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
