import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../labels.ts';
import type { SinkSeries } from '../sink.ts';
import { LINE_LIMITS, LineEncoder, type LineReader } from './encode.ts';
import { nameOf } from './names.ts';
import { parseLine } from './testing/parse-lines.ts';

const T = 1_700_000_000_000;

function series(labels: Record<string, string>, value = 1, timeMs = T): SinkSeries {
  return {
    labels: Labels.of(labels),
    timestamps: Float64Array.of(timeMs),
    values: Float64Array.of(value),
  };
}

function texts(batch: readonly SinkSeries[], reader: LineReader = 'influxdb'): string[] {
  return new LineEncoder(reader).encode(batch).lines.map(({ text }) => text);
}

function refusals(batch: readonly SinkSeries[], reader: LineReader = 'influxdb'): string[] {
  return new LineEncoder(reader)
    .encode(batch)
    .refused.map(({ reason, text, count }) => `${count} ${reason}: ${text}`);
}

describe('LineEncoder', () => {
  it('writes measurement, tags in order of their names, field and time in milliseconds', () => {
    expect(
      texts([
        series({ __name__: 'node_cpu_seconds_total', mode: 'idle', cpu: '0', instance: 'web-1' }, 12.5),
      ]),
    ).toEqual([`node_cpu,cpu=0,instance=web-1,mode=idle seconds_total=12.5 ${T}`]);
  });

  it('puts fields with equal labels and time on one line', () => {
    expect(
      texts([
        series({ __name__: 'node_memory_MemFree_bytes', instance: 'a' }, 1),
        series({ __name__: 'node_memory_MemTotal_bytes', instance: 'a' }, 2),
        series({ __name__: 'node_memory_MemFree_bytes', instance: 'b' }, 3),
        series({ __name__: 'node_memory_MemTotal_bytes', instance: 'a' }, 4, T + 1),
      ]),
    ).toEqual([
      `node_memory,instance=a MemFree_bytes=1,MemTotal_bytes=2 ${T}`,
      `node_memory,instance=a MemTotal_bytes=4 ${T + 1}`,
      `node_memory,instance=b MemFree_bytes=3 ${T}`,
    ]);
  });

  it('names the series of each line, so that a refused line can be told', () => {
    const [first, second] = [series({ __name__: 'a_b', x: '1' }), series({ __name__: 'a_c', x: '1' })];
    const { lines } = new LineEncoder('influxdb').encode([first, second]);
    expect(lines[0]?.series).toEqual([first.labels, second.labels]);
  });

  it.each<[string, Record<string, string>, string, string]>([
    ['a comma', { m: 'a,b' }, 'm=a\\,b', 'm=a\\,b'],
    ['an equals sign', { m: 'a=b' }, 'm=a\\=b', 'm=a\\=b'],
    ['a space', { m: 'a b' }, 'm=a\\ b', 'm=a\\ b'],
    ['quotes', { m: '"a\'' }, 'm="a\'', 'm="a\''],
    ['a backslash', { m: 'a\\b' }, 'm=a\\b', 'm=a\\\\b'],
    ['a backslash at the end', { m: 'C:\\' }, 'm=C:', 'm=C:\\\\'],
    ['a backslash in front of a space', { m: 'a\\ b' }, 'm=a\\\\ b', 'm=a\\\\\\ b'],
    ['an emoji', { m: '🌞é' }, 'm=🌞é', 'm=🌞é'],
    ['a special label name', { 'a b,c=d': 'x' }, 'a\\ b\\,c\\=d=x', 'a\\ b\\,c\\=d=x'],
  ])('escapes %s as each reader wants it', (_what, labels, influx, victoria) => {
    const batch = [series({ __name__: 'x_y', ...labels })];
    expect(texts(batch)).toEqual([`x,${influx} y=1 ${T}`]);
    expect(texts(batch, 'victoria-metrics')).toEqual([`x,${victoria} y=1 ${T}`]);
  });

  it('escapes metric names of pushed series', () => {
    expect(texts([series({ __name__: 'my metric,a=b_c=d' })])).toEqual([`my\\ metric\\,a=b c\\=d=1 ${T}`]);
  });

  it('writes a name without a field as each reader gives it back', () => {
    const batch = [series({ __name__: 'up', instance: 'a' })];
    expect(texts(batch)).toEqual([`up,instance=a value=1 ${T}`]);
    expect(texts(batch, 'victoria-metrics')).toEqual([`,instance=a up=1 ${T}`]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a newline in a value', { m: 'a\nb 1 2\nevil x=1' }, 'label "m" has a control character'],
    ['a carriage return', { m: 'a\r' }, 'label "m" has a control character'],
    ['a NUL', { m: 'a\0b' }, 'label "m" has a control character'],
    ['a newline in a label name', { 'a\nb': 'x' }, 'label "a\\nb" has a control character'],
    ['a label called time', { time: 'x' }, 'a label cannot be called time there'],
    ['half a surrogate pair', { m: '\ud800' }, 'label "m" is not valid Unicode'],
    ['64 kB', { m: 'é'.repeat(32_768) }, 'label "m" has 65536 bytes, at most 16384 can be written'],
    ['nothing but backslashes', { m: '\\\\' }, 'label "m" is all backslashes'],
  ])('refuses %s with a reason', (_what, labels, reason) => {
    const batch = [series({ __name__: 'x_y', ...labels })];
    expect(texts(batch)).toEqual([]);
    expect(refusals(batch)).toEqual([`1 unstorable: ${reason}`]);
  });

  it.each([
    ['x\ny', 'the metric name has a control character'],
    ['#x_y', 'the metric name begins with #'],
    ['\\_y', 'the measurement of the metric name ends with a backslash'],
    ['', 'a series without a name cannot be written'],
  ])('refuses the metric name %j', (name, reason) => {
    expect(refusals([series({ __name__: name, a: 'b' })])).toEqual([`1 unstorable: ${reason}`]);
  });

  it('refuses labels that together are longer than a key may be', () => {
    const labels = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`l${i}`, 'x'.repeat(10_000)]));
    expect(refusals([series({ __name__: 'x_y', ...labels })])).toEqual([
      '1 unstorable: its labels have more than 65531 bytes',
    ]);
  });

  it('refuses more labels than VictoriaMetrics keeps', () => {
    const labels = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`l${i}`, 'x']));
    const batch = [series({ __name__: 'x_y', ...labels })];
    expect(texts(batch)).toHaveLength(1);
    expect(refusals(batch, 'victoria-metrics')).toEqual(['1 unstorable: has 31 labels, at most 30 are kept']);
  });

  it('leaves out and counts stale markers, NaN, infinity and impossible times', () => {
    const labels = Labels.of({ __name__: 'x_y' });
    const timestamps = Float64Array.of(T, T + 1, T + 2, T + 3, 1.5, LINE_LIMITS.timeMsMax + 1);
    const values = Float64Array.of(1, Number.NaN, -Infinity, 5, 6, 7);
    const batch = [{ labels, timestamps, values, stale: Uint8Array.of(0, 0, 0, 1, 0, 0) }];
    expect(texts(batch)).toEqual([`x y=1 ${T}`]);
    expect(refusals(batch).map((text) => text.split(':')[0])).toEqual([
      '1 stale_marker',
      '2 not_finite',
      '2 unstorable',
    ]);
  });

  it.each([0, -0, 5e-324, Number.MAX_VALUE, 1e21, -123.456])(
    'writes %d as a float that comes back',
    (value) => {
      const [line = ''] = texts([series({ __name__: 'x_y' }, value)]);
      expect(parseLine(line).fields).toEqual({ y: value + 0 });
    },
  );

  it('makes of any labels one line that reads back as them, or a counted refusal', () => {
    const nasty = fc.constantFrom(
      '\n',
      '\r',
      '\0',
      ',',
      '=',
      ' ',
      '\\',
      '"',
      "'",
      '#',
      'time',
      'x',
      '_',
      '__proto__',
      '🌞',
      'é',
    );
    const text = fc.oneof(
      fc.array(nasty, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 12 }),
    );
    const labels = fc
      .dictionary(text, text, { maxKeys: 5 })
      .map((entries) => Labels.from(Object.entries(entries)));
    const named = fc.tuple(labels, text).map(([all, name]) => all.with('__name__', name));
    fc.assert(
      fc.property(fc.array(named, { maxLength: 6 }), (sets) => {
        const unique = [...new Map(sets.map((set) => [set.key, set])).values()];
        const batch = unique.map((set) => ({
          labels: set,
          timestamps: Float64Array.of(T),
          values: Float64Array.of(7),
        }));
        const { lines, refused } = new LineEncoder('influxdb').encode(batch);
        const written = lines.reduce((sum, line) => sum + line.series.length, 0);
        expect(written + refused.reduce((sum, { count }) => sum + count, 0)).toBe(unique.length);
        for (const { text: line, series: written } of lines) {
          const { measurement, tags, fields } = parseLine(line);
          const back = Object.keys(fields).map((field) =>
            Labels.from([...Object.entries(tags), ['__name__', nameOf({ measurement, field })]]),
          );
          // InfluxDB takes no backslash at the end.
          const expected = written.map((set) =>
            Labels.from(
              [...set.entries()].map(([name, value]) => [name, value.replace(/\\+$/, '')] as const),
            ),
          );
          expect(new Set(back.map(({ key }) => key))).toEqual(new Set(expected.map(({ key }) => key)));
        }
      }),
    );
  });
});
