import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STATE } from '../blocks/block.ts';
import { STREAMS } from './block-file.ts';
import { openBlock } from './testing/memory-file.ts';
import { GOLDEN_HOSTS, goldenFile, goldenGroups } from './testing/golden.ts';

describe.each([1, 2])('a golden block of format %i', (version) => {
  it.each(['raw', '5m', '1h'] as const)('of resolution %s still reads as it was written', (resolution) => {
    const reader = openBlock(readFileSync(goldenFile(version, resolution)));
    expect([reader.resolution, ...reader.hostIds()]).toEqual([resolution, ...GOLDEN_HOSTS]);
    const found = GOLDEN_HOSTS.flatMap((hostId) =>
      reader.groups(hostId).map((group) => ({
        hostId,
        schemaHash: group.schemaHash,
        timesMs: reader.times(group),
        columns: Array.from({ length: group.columnCount }, (_, index) =>
          STREAMS[resolution].map((_name, stream) => reader.column(group, index, stream)?.values),
        ),
      })),
    );
    const written = goldenGroups(resolution).map(({ columns, ...group }) => ({
      ...group,
      columns: columns.map(({ states, streams }) =>
        streams.map((values) =>
          values === undefined && states?.includes(STATE.PRESENT) !== false
            ? undefined
            : Float64Array.from(states ?? values ?? [], (_, row) =>
                (states?.[row] ?? STATE.PRESENT) === STATE.PRESENT ? (values?.[row] ?? 0) : Number.NaN,
              ),
        ),
      ),
    }));
    expect(found).toEqual(written);
    const isCut = version > 1 && resolution === 'raw';
    const segments = GOLDEN_HOSTS.flatMap((hostId) => reader.groups(hostId)).map(
      ({ segmentRows }) => segmentRows.length,
    );
    expect(new Set(segments)).toEqual(new Set([isCut ? 2 : 1]));
    expect([...reader.verify()].flat()).toEqual([]);
  });
});
