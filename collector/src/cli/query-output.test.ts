import { isCleanText } from '@rollcall/shared/lib/text.ts';
import { describe, expect, it } from 'vitest';
import { toCsv, toJson, toTable, type QueryData } from './query-output.ts';

const HOSTILE = '=HYPERLINK("http://x")\u001b[2J\u202e\nb';

function vector(...series: readonly (readonly [Record<string, string>, string])[]): QueryData {
  return { resultType: 'vector', result: series.map(([metric, value]) => ({ metric, value: [1.5, value] })) };
}

function matrix(...values: readonly string[]): QueryData {
  const points = values.map((value, i): [number, string] => [i, value]);
  return { resultType: 'matrix', result: [{ metric: { __name__: 'm' }, values: points }] };
}

describe('the table', () => {
  it('shows one line per series with its value', () => {
    const data = vector([{ __name__: 'up', job: 'node' }, '1'], [{ __name__: 'up' }, '+Inf']);
    expect(toTable(data, undefined)).toBe('SERIES          VALUE\nup{job="node"}  1\nup              +Inf\n');
  });

  it('fits the terminal by shortening series, never values', () => {
    const data = vector([
      { __name__: 'a_metric', path: '/a/very/long/path/that/goes/on/and/on' },
      '12345.678',
    ]);
    const lines = toTable(data, 40).trimEnd().split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(40);
    expect(lines[1]).toMatch(/^a_metric\{path="\/a\/\S*… {2}12345\.678$/);
  });

  it('sums a range up and draws its course', () => {
    expect(toTable(matrix('0', '7', 'NaN', '3.5'), 80)).toBe(
      'SERIES  MIN  AVG  MAX  LAST  COURSE\nm       0    NaN  7    3.5   ▁█ ▅\n',
    );
    const [, line] = toTable(matrix(...Array.from({ length: 500 }, (_, i) => String(i))), 80).split('\n');
    expect(line).toMatch(/^m {7}0 {4}249\.5 {2}499 {2}499 {3}▁+▂+▃+▄+▅+▆+▇+█+$/);
  });

  it('shows a scalar or text alone, and says when there is nothing', () => {
    expect(toTable({ resultType: 'scalar', result: [0, '2'] }, 80)).toBe('2\n');
    expect(toTable({ resultType: 'string', result: [0, 'a\u001b[2J'] }, 80)).toBe('a[2J\n');
    expect(toTable(vector(), 80)).toBe('no series\n');
  });

  it('lets no label value speak to the terminal', () => {
    const text = toTable(vector([{ a: HOSTILE }, '1']), undefined);
    expect(text.split('\n')).toHaveLength(3);
    expect(isCleanText(text.replaceAll('\n', ''))).toBe(true);
  });
});

describe('CSV', () => {
  it('has a column per label, and a line per sample', () => {
    const data = vector([{ b: '1', a: 'x,"y"' }, '5'], [{ c: '3' }, '-Inf']);
    expect(toCsv(data)).toBe(
      'a,b,c,time,value\r\n' +
        '"x,""y""",1,,1970-01-01T00:00:01.500Z,5\r\n' +
        ',,3,1970-01-01T00:00:01.500Z,-Infinity\r\n',
    );
  });

  it.each(['=1+1', '+1', '-1', '@x', '\t=1', ' =1'])('keeps %j from being a formula', (value) => {
    const [header, line = ''] = toCsv(vector([{ [value]: value }, '1'])).split('\r\n');
    expect(header).toMatch(/^'\s*[-=+@]/);
    expect(line).toMatch(/^'\s*[-=+@]/);
  });

  it('keeps hostile values in their cell', () => {
    expect(toCsv(vector([{ a: HOSTILE }, '1'])).split('\r\n')[1]).toBe(
      '"\'=HYPERLINK(""http://x"")[2Jb",1970-01-01T00:00:01.500Z,1',
    );
  });
});

describe('JSON', () => {
  it('is what the collector answered, safe to show', () => {
    const data = vector([{ a: HOSTILE }, '1']);
    const text = toJson(data);
    expect(JSON.parse(text)).toEqual(data);
    expect(isCleanText(text.replaceAll('\n', ''))).toBe(true);
  });
});
