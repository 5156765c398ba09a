import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { parseSampleLine, parseSeries } from './sample-line.ts';

describe('a line with a sample', () => {
  it.each([
    ['up 1 1767225600', 'up', 1, 1_767_225_600_000],
    ['up{a="b c} 1",d="\\"}"} -1.5e3 1767225600.123', 'up{a="b c} 1",d="\\"}"}', -1500, 1_767_225_600_123],
    ['up{} NaN 0', 'up{}', Number.NaN, 0],
    ['up +Inf 1', 'up', Number.POSITIVE_INFINITY, 1_000],
    ['up -inf 1', 'up', Number.NEGATIVE_INFINITY, 1_000],
    ['x_bucket{le="1"} 3 1 # {trace="a"} 0.5 1', 'x_bucket{le="1"}', 3, 1_000],
  ])('reads %s', (line, series, value, timeMs) => {
    expect(parseSampleLine(line)).toEqual({ series, value, timeMs });
  });

  it.each([
    ['', 'is no sample'],
    ['up', 'is no sample'],
    ['up{a="b" 1 2', 'is no sample'],
    ['up{a="b', 'is no sample'],
    ['up 1', 'needs a time'],
    ['up 1 ', 'needs a time'],
    ['up one 2', 'value "one" is not a number'],
    ['up 0x10 2', 'value "0x10" is not a number'],
    ['up  1 2', 'behind the time'],
    ['up 1 -5', 'is no time in seconds since 1970'],
    ['up 1 NaN', 'is no time in seconds since 1970'],
    ['up 1 1e20', 'is no time in seconds since 1970'],
    ['up 1 2 3', '"3" behind the time'],
    ['up 1 2\r', 'is not a number'],
  ])('is refused as %j', (line, message) => {
    expect(() => parseSampleLine(line)).toThrow(message);
  });

  it('never shows what could control a terminal', () => {
    expect(() => parseSampleLine('up \u001b[2J 1')).toThrow('\\u001b[2J');
  });

  it('throws nothing but its own error, whatever it is', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a{}="\\ ,#0-9.]{0,30}$/));
    fc.assert(
      fc.property(text, (line) => {
        const code = thrownCode(() => parseSeries(parseSampleLine(line).series));
        expect([undefined, 'IMPORT_FAILED']).toContain(code);
      }),
    );
  });
});

describe('a series', () => {
  it.each([
    ['up', { __name__: 'up' }],
    ['up{}', { __name__: 'up' }],
    ['up{b="2",a="1",}', { __name__: 'up', a: '1', b: '2' }],
    ['up{a="x\\\\y\\"z\\nw"}', { __name__: 'up', a: 'x\\y"z\nw' }],
    ['{"my metric"}', { __name__: 'my metric' }],
    ['{"a.b\\n\\"",c="1","d.e"="2"}', { __name__: 'a.b\n"', c: '1', 'd.e': '2' }],
    ['{"d.e"="2","a.b",}', { __name__: 'a.b', 'd.e': '2' }],
    ['up{"a b"="1"}', { __name__: 'up', 'a b': '1' }],
    ['up{a="ä 🙂 }"}', { __name__: 'up', a: 'ä 🙂 }' }],
  ])('is read from %s', (text, labels) => {
    expect(parseSeries(text).toObject()).toEqual(labels);
  });

  it.each([
    ['1up', 'does not begin with a metric name'],
    ['up[1]', 'behind the metric name'],
    ['up{a=1}', 'is no label'],
    ['up{a="1" b="2"}', 'behind label a'],
    ['up{a="1",a="2"}', 'label a stands twice'],
    ['up{__name__="down"}', 'label __name__ stands twice'],
    ['up{a="1"}x', 'behind the labels'],
    ['up{', 'is no label'],
    ['up{"down"}', 'label __name__ stands twice'],
    ['up{"a.b"="1","a.b"="2"}', 'label "a.b" stands twice'],
    ['up{a}', 'is no label'],
    ['{"a"="1"}', 'has no metric name'],
    ['{a="1"}', 'does not begin with a metric name'],
    ['{"","a"="1"}', 'is no label'],
    ['up{""="1"}', 'is no label'],
    ['{}', 'does not begin with a metric name'],
  ])('is refused as %s', (text, message) => {
    expect(() => parseSeries(text)).toThrow(message);
  });
});
