import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { ParseError } from '../parse.ts';
import { LINE_LENGTH_MAX, parseTextFormat } from './text-format.ts';

function parse(text: string | Buffer) {
  return parseTextFormat(Buffer.from(text));
}

/** Each series as `type name{a=b} value`. */
function shown(text: string): string[] {
  return parse(text).map(({ name, type, labels, value }) => {
    const pairs = labels.map(([label, content]) => `${label}=${JSON.stringify(content)}`);
    return `${type} ${name}{${pairs.join(',')}} ${value}`;
  });
}

describe('parseTextFormat', () => {
  it('reads types, labels and values', () => {
    const text = `# HELP backup_bytes_total Bytes of all backups, \\\\ and \\n.
# TYPE backup_bytes_total counter
backup_bytes_total{job_name="db",target="s3"} 1.5e+3
backup_bytes_total { target = "tape" , job_name = "db" , } 7

# a remark
\t backup_ok 1
# TYPE backup_age_seconds gauge
backup_age_seconds -0.25
# EOF
`;
    expect(shown(text)).toEqual([
      'counter backup_bytes_total{job_name="db",target="s3"} 1500',
      'counter backup_bytes_total{job_name="db",target="tape"} 7',
      'gauge backup_ok{} 1',
      'gauge backup_age_seconds{} -0.25',
    ]);
  });

  it('reads histograms and summaries as their series', () => {
    const text = `# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 2
# TYPE size_bytes summary
size_bytes{quantile="0.9"} NaN
size_bytes_sum 4
size_bytes_count 0
other_sum 5
`;
    expect(shown(text)).toEqual([
      'counter wait_seconds_bucket{le="0.5"} 1',
      'counter wait_seconds_bucket{le="+Inf"} 2',
      'counter wait_seconds_sum{} 3',
      'counter wait_seconds_count{} 2',
      'gauge size_bytes{quantile="0.9"} NaN',
      'counter size_bytes_sum{} 4',
      'counter size_bytes_count{} 0',
      'gauge other_sum{} 5',
    ]);
  });

  it.each([
    ['NaN', Number.NaN],
    ['+Inf', Infinity],
    ['inf', Infinity],
    ['-Inf', -Infinity],
    ['-infinity', -Infinity],
    ['+.5', 0.5],
    ['3.', 3],
    ['1e-9', 1e-9],
  ])('reads the value %s', (text, value) => {
    expect(parse(`a ${text}\n`)[0]?.value).toBe(value);
  });

  it('unescapes label values, and takes an empty one for no label', () => {
    const text = 'a{b="x\\\\n\\"}, \\n",c=""} 1\n';
    expect(parse(text)[0]?.labels).toEqual([['b', 'x\\n"}, \n']]);
  });

  it('says nothing for an empty file', () => {
    expect(parse('')).toEqual([]);
    expect(parse('\n# only remarks\n#\n# TYPE\n')).toEqual([]);
  });

  it.each([
    ['half a file', 'a 1\nb 2', /ends within a line/],
    ['bytes that are not UTF-8', Buffer.from([0x61, 0xff, 0x0a]), /is not UTF-8/],
    ['a byte order mark', '\ufeffa 1\n', /line 1: .* does not begin with a metric name/],
    ['no value', 'a\n', /line 1: value "" is not a number/],
    ['a wrong value in the second line', 'a 1\nb x\n', /^line 2: value "x" is not a number$/],
    ['a hexadecimal value', 'a 0x10\n', /not a number/],
    ['a number too large', 'a 1e999\n', /not a number/],
    ['line breaks of Windows', 'a 1\r\n', /not a number/],
    ['a time of its own', 'a 1 1767225600000\n', /metric "a" has a time of its own/],
    ['more behind the time', 'a 1 2 3\n', /"3" behind the value/],
    ['something behind the name', 'a-b 1\n', /"-b 1" behind the metric name/],
    ['a name in quotes', '{"a.b"} 1\n', /does not begin with a metric name/],
    ['braces that do not close', 'a{b="1" 2\n', /is no label/],
    ['no comma between labels', 'a{b="1"c="2"} 2\n', /is no label/],
    ['a label twice', 'a{b="1",b="2"} 2\n', /label "b" stands twice/],
    ['an unknown escape', 'a{b="\\t"} 2\n', /is no label/],
    ['a label name with a dash', 'a{b-c="1"} 2\n', /is no label/],
    ['a series twice', 'a{b="1",c="2"} 1\na{c="2",b="1"} 1\n', /line 2: a series of metric "a" stands twice/],
    ['the same but for an empty label', 'a 1\na{b=""} 1\n', /stands twice/],
    ['an unknown type', '# TYPE a info\n', /type "info" is none of/],
    ['no type', '# TYPE a\n', /type "" is none of/],
    ['TYPE twice', '# TYPE a gauge\n# TYPE a gauge\n', /TYPE twice/],
    ['HELP twice', '# HELP a x\n# HELP a x\n', /HELP twice/],
    ['TYPE behind samples', 'a 1\n# TYPE a gauge\n', /comes after its samples/],
    ['a wrong escape in HELP', '# HELP a \\t\n', /backslash/],
    ['a wrong name in HELP', '# HELP 1a x\n', /"1a" is no metric name/],
    ['a histogram under its own name', '# TYPE h histogram\nh 1\n', /histogram "h" has a sample/],
    ['a bucket without le', '# TYPE h histogram\nh_bucket 1\n', /has no label le/],
    ['a bucket whose le is no number', '# TYPE h histogram\nh_bucket{le="x"} 1\n', /label le of metric/],
    ['a summary without quantile', '# TYPE s summary\ns 1\n', /has no label quantile/],
    ['a line too long', `a{b="${'x'.repeat(LINE_LENGTH_MAX)}"} 1\n`, /at most 16384 are allowed/],
    [
      'too many series',
      Array.from({ length: LIMITS.seriesPerSchema + 1 }, (_, i) => `a{i="${i}"} 1\n`).join(''),
      /more than 2000 series/,
    ],
  ])('refuses %s', (_what, content, message) => {
    expect(() => parse(content)).toThrow(ParseError);
    expect(() => parse(content)).toThrow(message);
  });

  it('shows no control characters and not too much in a message', () => {
    const attempt = (): unknown => parse(`a{\u001b\u009b\u202e[2J${'x'.repeat(500)}\n`);
    expect(attempt).toThrow(/"\[2Jxxx/);
    expect(attempt).toThrow(/^.{1,150}$/);
  });

  it('returns what was written, whatever labels hold', () => {
    const name = fc.stringMatching(/^[a-z_:][a-z0-9_:]{0,8}$/);
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const value = fc.double().map((number) => (Object.is(number, -0) ? 0 : number));
    const labels = fc.dictionary(label, fc.string({ unit: 'grapheme' }), { maxKeys: 4 });
    fc.assert(
      fc.property(name, labels, value, (metric, pairs, number) => {
        const escape = (text: string): string =>
          text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
        const written = Object.entries(pairs).map(([key, text]) => `${key}="${escape(text)}"`);
        const [series] = parse(`${metric}{${written.join(',')}} ${number}\n`);
        const expected = Object.entries(pairs).filter(([, text]) => text !== '');
        expect(series).toMatchObject({ name: metric, value: number });
        expect(Object.fromEntries(series?.labels ?? [])).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: 50 },
    );
  });

  // oxlint-disable-next-line expect-expect -- the property is that nothing unexpected is thrown
  it('throws nothing but ParseError for bytes changed, lost or doubled', () => {
    const good = Buffer.from(
      '# TYPE h histogram\nh_bucket{le="1",a="\\n"} 1\nh_sum 2e3\n# HELP x y\nx NaN\n',
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 10 }), (a, b, noise) => {
        const [from, to] = [a % good.length, b % good.length];
        try {
          parse(Buffer.concat([good.subarray(0, from), noise, good.subarray(to)]));
        } catch (error) {
          if (!(error instanceof ParseError)) throw error;
        }
      }),
      { numRuns: 100 },
    );
  });
});
