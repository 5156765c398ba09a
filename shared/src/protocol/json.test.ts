import { describe, expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import { JsonReader, jsonBytes, parseJsonObject } from './json.ts';
import { LIMITS } from './limits.ts';

const parse = (text: string) => parseJsonObject(Buffer.from(text));
const reader = (text: string) => new JsonReader(parse(text), 'X');
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('parseJsonObject', () => {
  it('reads what jsonBytes wrote', () => {
    const value = { text: 'größe 🙂', list: [1, null, { deep: true }] };
    expect(parseJsonObject(jsonBytes(value))).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['a text', '"x"'],
    ['null', 'null'],
    ['a list', '[]'],
    ['two objects', '{}{}'],
    ['a cut object', '{"a":1'],
    ['a byte order mark', '\ufeff{}'],
    ['a dangerous key', '{"__proto__":{}}'],
    ['a dangerous key in disguise', '{"\\u005f_proto__":{}}'],
    ['a dangerous key inside a list', '{"a":[{"constructor":1}]}'],
    ['another dangerous key', '{"a":{"prototype":1}}'],
  ])('refuses %s', (_name, text) => {
    expect(thrownCode(() => parse(text))).toBe('PROTOCOL_ERROR');
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(thrownCode(() => parseJsonObject(Buffer.from('7b2261223a22ff227d', 'hex')))).toBe(
      'PROTOCOL_ERROR',
    );
  });

  it('refuses what is nested too deeply, however deep', () => {
    expect(thrownCode(() => parse(nested(LIMITS.jsonDepth)))).toBeUndefined();
    expect(thrownCode(() => parse(nested(LIMITS.jsonDepth + 1)))).toBe('LIMIT_EXCEEDED');
    expect(thrownCode(() => parse(nested(9_000)))).toBe('LIMIT_EXCEEDED');
    expect(thrownCode(() => parse(`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`))).toBe(
      'LIMIT_EXCEEDED',
    );
  });

  it('refuses what is too long before it reads it', () => {
    const text = `{"a":"${'x'.repeat(LIMITS.jsonBytes - 8)}"}`;
    expect(text).toHaveLength(LIMITS.jsonBytes);
    expect(thrownCode(() => parse(text))).toBeUndefined();
    expect(thrownCode(() => parse(`${text} `))).toBe('LIMIT_EXCEEDED');
  });

  it('leaves the prototype of objects alone', () => {
    thrownCode(() => parse('{"__proto__":{"polluted":1}}'));
    expect('polluted' in {}).toBe(false);
  });
});

describe('JsonReader', () => {
  it('reads every kind of field', () => {
    const bytes = Buffer.alloc(5, 7);
    const x = reader(
      JSON.stringify({
        text: 'ab',
        integer: 5,
        number: -0.5,
        boolean: false,
        bytes: bytes.toString('base64url'),
        bytesList: [bytes.toString('base64url')],
        texts: ['a', 'b'],
        integers: [1, 2],
        objects: [{ n: 1 }],
        object: { n: 2 },
        raw: { any: [1] },
        nothing: null,
      }),
    );
    expect([x.text('text', 2), x.integer('integer', 5, 5), x.number('number'), x.boolean('boolean')]).toEqual(
      ['ab', 5, -0.5, false],
    );
    expect(x.bytes('bytes', 5)).toEqual(bytes);
    expect(x.bytesList('bytesList', 1, 5)).toEqual([bytes]);
    expect(x.textList('texts', 2, 1)).toEqual(['a', 'b']);
    expect(x.integerList('integers', 2, 1, 2)).toEqual([1, 2]);
    expect(x.objectList('objects', 1).map((object) => object.integer('n', 0))).toEqual([1]);
    expect(x.object('object').integer('n', 0)).toBe(2);
    expect(x.rawObject('raw')).toEqual({ any: [1] });
    expect([x.textOrNull('nothing', 1), x.isNull('nothing'), x.isNull('absent')]).toEqual([null, true, true]);
    x.finish();
  });

  it.each<readonly [string, string, (x: JsonReader) => unknown]>([
    ['an absent text', '{}', (x) => x.text('a', 9)],
    ['a text that every object has', '{}', (x) => x.text('toString', 9)],
    ['a text that is too long', '{"a":"abc"}', (x) => x.text('a', 2)],
    ['a number as text', '{"a":1}', (x) => x.text('a', 9)],
    ['a text as number', '{"a":"1"}', (x) => x.number('a')],
    ['an infinite number', '{"a":1e999}', (x) => x.number('a')],
    ['a fraction as integer', '{"a":1.5}', (x) => x.integer('a', 0)],
    ['an integer below', '{"a":1}', (x) => x.integer('a', 2)],
    ['an integer above', '{"a":3}', (x) => x.integer('a', 0, 2)],
    ['an unsafe integer', '{"a":9007199254740993}', (x) => x.integer('a', 0)],
    ['null as boolean', '{"a":null}', (x) => x.boolean('a')],
    ['0 as boolean', '{"a":0}', (x) => x.boolean('a')],
    ['too few bytes', '{"a":"AAA"}', (x) => x.bytes('a', 3)],
    ['too many bytes', '{"a":"AAAAAAAA"}', (x) => x.bytes('a', 3)],
    ['padded bytes', '{"a":"AA=="}', (x) => x.bytes('a', 1)],
    ['bytes in the other alphabet', '{"a":"//8"}', (x) => x.bytes('a', 2)],
    ['bytes with bits left over', '{"a":"AB"}', (x) => x.bytes('a', 1)],
    ['a list that is too long', '{"a":["x","y"]}', (x) => x.textList('a', 1, 9)],
    ['a list with another kind', '{"a":["x",1]}', (x) => x.textList('a', 9, 9)],
    ['a list with a text too long', '{"a":["xyz"]}', (x) => x.textList('a', 9, 2)],
    ['a text as list', '{"a":"xy"}', (x) => x.textList('a', 9, 9)],
    ['bytes of another length in a list', '{"a":["AA","AAA"]}', (x) => x.bytesList('a', 9, 1)],
    ['a number among bytes', '{"a":[1]}', (x) => x.bytesList('a', 9, 1)],
    ['too few integers', '{"a":[1]}', (x) => x.integerList('a', 2, 0, 9)],
    ['an object among integers', '{"a":[1,{"valueOf":1}]}', (x) => x.integerList('a', 2, 0, 9)],
    ['null among objects', '{"a":[null]}', (x) => x.objectList('a', 9)],
    ['a list as object', '{"a":[]}', (x) => x.object('a')],
    ['an absent object', '{}', (x) => x.rawObject('a')],
  ])('refuses %s and names the field', (_name, text, read) => {
    expect(thrownCode(() => read(reader(text)))).toBe('PROTOCOL_ERROR');
    expect(() => read(reader(text))).toThrow(/^X\.(a|toString) must be /);
  });

  it('finds fields that nobody asked for, and shows only the beginning of their name', () => {
    const x = reader(`{"a":1,"${'b'.repeat(1_000)}":2}`);
    x.integer('a', 0);
    expect(() => x.finish()).toThrow(`X has the unknown field "${'b'.repeat(64)}"`);
    expect(x.keys()).toHaveLength(2);
    expect(() => x.finish()).not.toThrow();
  });
});
