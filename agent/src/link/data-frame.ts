/**
 * A message as one frame of a WebSocket, from a client: RFC 6455, section 5.2. ws does the same byte by byte, which takes
 * four times as long in code that is never optimised (docs/decisions/0104).
 */

const BINARY_AND_FINAL = 0x82;
const MASKED = 0x80;
/** What stands in place of a length that does not fit into seven bits, and above which length. */
const [LENGTH_16, LENGTH_64] = [126, 127];
const LENGTH_16_MAX = 0xffff;
/** Each frame has a mask of its own. */
export const MASK_BYTES = 4;
/** The longest header, and where the payload begins: aligned, so that it can be masked by words. */
const PAYLOAD_AT = 16;

/**
 * The bytes of the frame, owned by the caller.
 * @param payload of one binary message; is not changed
 * @param mask four bytes that nobody can foresee
 */
export function dataFrame(payload: Uint8Array, mask: Uint8Array): Buffer {
  const { length } = payload;
  const wordCount = Math.ceil(length / MASK_BYTES);
  const words = new Int32Array(PAYLOAD_AT / MASK_BYTES + wordCount);
  const bytes = Buffer.from(words.buffer);
  bytes.set(payload, PAYLOAD_AT);
  const maskAt = PAYLOAD_AT - MASK_BYTES;
  bytes.set(mask, maskAt);
  const key = words[maskAt / MASK_BYTES] ?? 0;
  for (let i = PAYLOAD_AT / MASK_BYTES; i < words.length; i++) words[i] = (words[i] ?? 0) ^ key;
  const from = maskAt - lengthBytes(length);
  bytes[from] = BINARY_AND_FINAL;
  if (length < LENGTH_16) bytes[from + 1] = MASKED | length;
  else if (length <= LENGTH_16_MAX) {
    bytes[from + 1] = MASKED | LENGTH_16;
    bytes.writeUInt16BE(length, from + 2);
  } else {
    bytes[from + 1] = MASKED | LENGTH_64;
    bytes.writeUInt16BE(0, from + 2);
    bytes.writeUIntBE(length, from + 4, 6);
  }
  return bytes.subarray(from, PAYLOAD_AT + length);
}

/** Bytes in front of the mask. */
function lengthBytes(length: number): number {
  if (length < LENGTH_16) return 2;
  return length <= LENGTH_16_MAX ? 4 : 10;
}
