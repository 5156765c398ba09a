/** Text from outside, made safe to store and show. */

// Controls (C0, DEL, C1), line and paragraph separators, and the bidirectional controls of Unicode TR9 that can make
// shown text differ from stored text. In numbers, for a pattern that names properties loads Unicode's tables for good.
// oxlint-disable-next-line no-control-regex -- controls are what it is about
const UNSAFE = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Whether `cleanText` has nothing to remove or replace. */
export function isCleanText(text: string): boolean {
  return text.search(UNSAFE) === -1 && text.isWellFormed();
}

/**
 * `text` without control and bidi characters, cut to `maxLength` UTF-16 units (never inside a surrogate pair). A
 * surrogate without its partner becomes U+FFFD, as it would in UTF-8.
 */
export function cleanText(text: string, maxLength: number): string {
  const clean = text.replace(UNSAFE, '').toWellFormed();
  if (clean.length <= maxLength) return clean;
  const last = clean.charCodeAt(maxLength - 1);
  return clean.slice(0, last >= 0xd800 && last <= 0xdbff ? maxLength - 1 : maxLength);
}

/** Orders well-formed strings as their UTF-8 bytes do (JavaScript's own order differs above U+FFFF). */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a === b) continue;
    // Surrogates (0xd800..0xdfff) encode code points above every other UTF-16 unit.
    const isASurrogate = (a & 0xf800) === 0xd800;
    const isBSurrogate = (b & 0xf800) === 0xd800;
    if (isASurrogate !== isBSurrogate) return isASurrogate ? 1 : -1;
    return a - b;
  }
  return left.length - right.length;
}
