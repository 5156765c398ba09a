import { expect, it } from 'vitest';
import { Readings } from './readings.ts';
import { formatValues, seriesAt } from './text.ts';

it('writes values in the text format, with quotes escaped, and leaves out absent ones', () => {
  const readings = new Readings({ sampler: 'test', intervalMs: 1_000 });
  readings.begin();
  readings.add('node_load1', 0.5);
  readings.add('node_load5', Number.NaN);
  readings.add('node_filesystem_readonly', 1, 'a"b', 'ext4', 'c\\d');
  const [part] = readings.finish();
  if (part === undefined) throw new Error('no schema');
  expect(formatValues(part)).toEqual([
    'node_filesystem_readonly{device="a\\"b",fstype="ext4",mountpoint="c\\\\d"} 1',
    'node_load1 0.5',
  ]);
  expect(seriesAt(part, 2)).toBe('node_load5');
  expect(() => seriesAt(part, 3)).toThrow(RangeError);
});
