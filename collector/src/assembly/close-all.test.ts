import { expect, test } from 'vitest';
import { closeAll } from './close-all.ts';

test('closes the last one first, and the others also when one cannot be closed', async () => {
  const closed: string[] = [];
  const closers = [
    () => void closed.push('lock'),
    () => {
      throw new Error('journal');
    },
    async () => {
      await Promise.resolve();
      closed.push('server');
    },
    () => Promise.reject(new Error('feed')),
  ];
  await expect(closeAll(closers)).rejects.toThrow('feed');
  expect(closed).toEqual(['server', 'lock']);
  await closeAll(closers);
  expect(closed).toHaveLength(2);
});
