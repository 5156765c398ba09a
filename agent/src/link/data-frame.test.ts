import { randomBytes } from 'node:crypto';
import { Receiver } from 'ws';
import { describe, expect, it } from 'vitest';
import { dataFrame, MASK_BYTES } from './data-frame.ts';
// For what the types of ws leave out.
import './frames.ts';

/** What a server reads out of the bytes, with ws. */
async function received(bytes: Buffer): Promise<{ readonly message: Buffer; readonly isBinary: boolean }> {
  const limits = { maxPayload: 1 << 20, maxFragments: 1, maxBufferedChunks: 16 };
  const receiver = new Receiver({ isServer: true, ...limits });
  return new Promise((resolve, reject) => {
    receiver.on('message', (message: Buffer, isBinary: boolean) => resolve({ message, isBinary }));
    receiver.on('error', reject);
    receiver.write(bytes);
  });
}

describe('a message as a frame', () => {
  // Around what fits into each form of the length, and around whole words.
  it.each([0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 1_203, 65_535, 65_536, 65_537])(
    'of %d bytes is read by ws as it was, in one piece',
    async (length) => {
      const payload = randomBytes(length);
      const before = Buffer.from(payload);
      const frame = dataFrame(payload, randomBytes(MASK_BYTES));
      expect(await received(frame)).toEqual({ message: before, isBinary: true });
      expect(payload).toEqual(before);
    },
  );

  // RFC 6455, section 5.7, has this as text.
  it('has the bytes of the standard', () => {
    const frame = dataFrame(Buffer.from('Hello'), Buffer.from('37fa213d', 'hex'));
    expect(frame.toString('hex')).toBe('828537fa213d7f9f4d5158');
  });

  it('is masked by the mask that it names', () => {
    const payload = Buffer.alloc(9);
    expect(dataFrame(payload, Buffer.from('01020304', 'hex')).subarray(2).toString('hex')).toBe(
      '01020304010203040102030401',
    );
  });
});
