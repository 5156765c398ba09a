/** Text from outside, made safe to store and show. */

// C0 and C1 controls, DEL, line and paragraph separators, and the bidirectional controls of Unicode TR9 that can make
// shown text differ from stored text.
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** `text` without control and bidi characters, cut to `maxLength` UTF-16 units (never inside a surrogate pair). */
export function cleanText(text: string, maxLength: number): string {
  const clean = text.replace(UNSAFE, '');
  if (clean.length <= maxLength) return clean;
  const last = clean.charCodeAt(maxLength - 1);
  return clean.slice(0, last >= 0xd800 && last <= 0xdbff ? maxLength - 1 : maxLength);
}

/** Orders strings as their UTF-8 bytes do (JavaScript's own order differs above U+FFFF). */
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
