/**
 * Golden blocks: files of released format versions, which later versions must still read. `node golden.ts` writes those
 * that are missing; what is there is never touched.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { STATE } from '../../blocks/block.ts';
import { FORMAT_VERSION, type Resolution } from '../block-file.ts';
import type { Column, GroupColumns, PackedGroup } from '../group.ts';
import { openBlock, writeBlock, writePacked } from './memory-file.ts';

const FROM_MS = Date.UTC(2026, 0, 1);
const WINDOW = { fromMs: FROM_MS, toMs: FROM_MS + 3_600_000 };
const ROWS = 90;
export const GOLDEN_HOSTS = ['0'.repeat(32), '5a'.repeat(16)] as const;
const RESOLUTIONS: readonly Resolution[] = ['raw', '5m', '1h'];

/** Path of the golden file of a version and resolution. */
export function goldenFile(version: number, resolution: Resolution): string {
  return join(import.meta.dirname, '..', 'testdata', `v${version}`, `${resolution}.block`);
}

/** What stands in the golden files of every version: each way of writing a column at least once. */
export function goldenGroups(resolution: Resolution): readonly GroupColumns[] {
  const random = seededRandom(20_260_101);
  const noise = (range: number): number => Math.floor(random() * range);
  let sum = 0;
  const columns = [
    column(() => 42),
    column(() => Number.NaN),
    column((row) => (row === 70 ? 7 : 3)),
    column(() => (sum += 1_000 + noise(50))),
    column(() => 20_000 + noise(9_000)),
    column((row) => 500 * row * row + noise(2)),
    column(() => 4_096 * noise(1_000_000)),
    column(() => noise(100_000) / 1_000),
    column(() => noise(100_000_000) * 1e-6),
    column((row) => (14_953_895 + 90_001 * row) / 1_000 / 1_000),
    column((row) => 1_767_225_600.123_456_7 + row * 10.000_000_3),
    column(() => random() * 10 ** (noise(40) - 20)),
    column((row) => [Number.NaN, Number.POSITIVE_INFINITY, -0, 5e-324, 1e300][Math.floor(row / 18)] ?? 0),
    column(
      (row) => row,
      (row) => (row < 5 ? STATE.ABSENT : row === 80 ? STATE.STALE : STATE.PRESENT),
    ),
    column(
      () => 42,
      () => STATE.ABSENT,
    ),
  ];
  const timesMs = Float64Array.from({ length: ROWS }, (_, row) => FROM_MS + row * 10_000 + noise(9));
  return GOLDEN_HOSTS.flatMap((hostId) => [
    { hostId, schemaHash: 'ab'.repeat(32), timesMs, columns: columns.map((one) => widen(one, resolution)) },
    {
      hostId,
      schemaHash: 'cd'.repeat(32),
      timesMs: timesMs.map((timeMs) => timeMs + 3),
      columns: columns.slice(0, 4).map((one) => widen(one, resolution)),
    },
  ]);
}

interface RawColumn {
  readonly states: Uint8Array | undefined;
  readonly values: Float64Array;
}

function column(valueOf: (row: number) => number, stateOf?: (row: number) => number): RawColumn {
  return {
    states: stateOf && Uint8Array.from({ length: ROWS }, (_, row) => stateOf(row)),
    values: Float64Array.from({ length: ROWS }, (_, row) => valueOf(row)),
  };
}

/** The column with the streams of a resolution; the last one of a rollup is missing, as that of a gauge is. */
function widen({ states, values }: RawColumn, resolution: Resolution): Column {
  if (resolution === 'raw') return { states, streams: [values] };
  const counts = values.map(() => 30);
  return { states, streams: [counts, values, values, values.map((value) => value * 30), values, undefined] };
}

/** The raw groups with the values of two halves of their rows encoded apart, as version 2 can have them. */
function segmented(): readonly PackedGroup[] {
  return goldenGroups('raw').map((group) => {
    const halves = [
      [0, ROWS / 3],
      [ROWS / 3, ROWS],
    ] as const;
    const packed = halves.map(([from, to]) => {
      const part: GroupColumns = {
        ...group,
        timesMs: group.timesMs.subarray(from, to),
        columns: group.columns.map(({ states, streams }) => ({
          states: states?.subarray(from, to),
          streams: streams.map((values) => values?.subarray(from, to)),
        })),
      };
      const reader = openBlock(writeBlock({ ...WINDOW, resolution: 'raw' }, [part]).bytes);
      const [found] = reader.groups(group.hostId);
      return found === undefined ? [] : reader.packed(found);
    });
    const columns = group.columns.map(({ states }, index) => ({
      states,
      segments: packed.flatMap((half) => half[index]?.segments ?? []),
    }));
    return { ...group, segmentRows: halves.map(([from, to]) => to - from), columns };
  });
}

if (import.meta.main) {
  for (const resolution of RESOLUTIONS) {
    const file = goldenFile(FORMAT_VERSION, resolution);
    if (existsSync(file)) continue;
    mkdirSync(join(file, '..'), { recursive: true });
    const header = { ...WINDOW, resolution };
    const bytes =
      resolution === 'raw'
        ? writePacked(header, segmented())
        : writeBlock(header, goldenGroups(resolution)).bytes;
    writeFileSync(file, bytes, { flag: 'wx' });
  }
}
