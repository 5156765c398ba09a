import { expect, it } from 'vitest';
import { crc32 } from './crc.ts';

it('gives the check value of CRC-32 (ISO 3309)', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array())).toBe(0);
});
