import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { expect, it } from 'vitest';
import type { JournalSnapshot } from '../../../journal/reader.ts';
import { gaugeSchema } from '../../../journal/testing/lane-writer.ts';
import { BlockSet } from './block-set.ts';

it('lets go of the schemas that it knew when there are other files', () => {
  const set = new BlockSet({
    disk: nodeDisk,
    dir: 'nowhere',
    damaged(text) {
      throw new Error(text);
    },
  });
  const known = [gaugeSchema('disk', { free: [] })];
  const listAt = (blocksVersion: number) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what is used of a snapshot
    const view = set.view({ blocksVersion, blocks: () => [] } as unknown as JournalSnapshot);
    view.release();
    return view.schemas.lists.of([...known]);
  };
  const first = listAt(1);
  expect(listAt(1)).toBe(first);
  expect(listAt(2)).not.toBe(first);
});
