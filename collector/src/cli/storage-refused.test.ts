import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { Cursors } from '../feed/cursors.ts';
import { openState, stateFile } from '../state/state.ts';
import { Labels } from '../storage/labels.ts';
import { listRefused } from './storage-refused.ts';

describe('storage refused', () => {
  it('lists what stores did not take, newest first, and breaks no terminal', () => {
    using temp = tempDir();
    const state = openState(stateFile(temp.path));
    const cursors = new Cursors(state, 'a journal');
    const at = { pos: 1, settledPos: 1, startedMs: null };
    const refused = (text: string) => [
      { labels: Labels.of({ __name__: 'x' }), reason: 'refused' as const, text, count: 2 },
    ];
    expect(listRefused(temp.path, undefined, false)).toBe('no store refused anything\n');
    cursors.save('influx', at, { refused: refused('field type \u001b[31mconflict'), nowMs: 0 });
    cursors.save('vm', at, { refused: refused('too long'), nowMs: 1_000 });
    state.close();
    const lines = listRefused(temp.path, undefined, false).trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['NOTED', 'STORE', 'REASON', 'SAMPLES', 'LABELS', 'WHAT THE STORE SAID'],
      ['1970-01-01 00:00:01Z', 'vm', 'refused', '2', 'x', 'too long'],
      [
        '1970-01-01 00:00:00Z',
        'influx',
        'refused',
        '2',
        'x',
        expect.stringMatching(/^field type .*conflict$/),
      ],
    ]);
    expect(lines.join('')).not.toContain('\u001b');
    expect(JSON.parse(listRefused(temp.path, 'influx', true))).toMatchObject([
      { store: 'influx', samples: 2 },
    ]);
    expect(() => listRefused(join(temp.path, 'other'), undefined, false)).toThrow(
      expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' }),
    );
  });
});
