import { describe, expect, it } from 'vitest';
import type { Expr } from './ast.ts';
import { NESTING_MAX, parseQuery, QUERY_LENGTH_MAX } from './parse.ts';
import { printExpr } from './print.ts';

/** The tree as nested parentheses, which shows what binds to what. */
function shape(expr: Expr): string {
  if (expr.kind === 'binary') return `(${shape(expr.left)}${expr.operator}${shape(expr.right)})`;
  if (expr.kind === 'unary') return `(${expr.operator}${shape(expr.inner)})`;
  return printExpr(expr);
}

describe('parseQuery', () => {
  it.each([
    ['1 + 2 * 3', '(1+(2*3))'],
    ['1 - 2 - 3', '((1-2)-3)'],
    ['2 ^ 3 ^ 4', '(2^(3^4))'],
    ['-a ^ 2', '(-(a^2))'],
    ['-a * 2', '((-a)*2)'],
    ['2 ^ -a * 3', '((2^(-a))*3)'],
    ['a or b and c unless d', '(aor((bandc)unlessd))'],
    ['a + b > c * d or e', '(((a+b)>(c*d))ore)'],
    ['a == b != c', '((a==b)!=c)'],
    ['a atan2 b % c / d', '(((aatan2b)%c)/d)'],
    ['-a offset 5m', '(-a offset 5m)'],
    ['a AND b UNLESS c', '((aandb)unlessc)'],
  ])('groups %s', (text, expected) => {
    expect(shape(parseQuery(text))).toBe(expected);
  });

  it.each([
    // Text that looks odd and is valid.
    ['1.', '1'],
    ['.5', '0.5'],
    ['0x1F', '31'],
    ['1_000', '1000'],
    ['1e3', '1000'],
    ['iNf', '+Inf'],
    ['90s', '1m30s'],
    ['foo[300]', 'foo[5m]'],
    ['foo[90m:1.5]', 'foo[1h30m:1s500ms]'],
    ['rate(x[1y2w3d4h5m6s7ms])', 'rate(x[382d4h5m6s7ms])'],
    ['on', 'on'],
    ['on offset 5m + on(on) on and x', 'on offset 5m + on (on) on and x'],
    ['bool{a="1"}', 'bool{a="1"}'],
    ['sum', 'sum'],
    ['offset offset 5m', 'offset offset 5m'],
    ['by{by="by"}', 'by{by="by"}'],
    ['SUM(x) BY (a,)', 'sum by (a) (x)'],
    ['sum without () (x)', 'sum without () (x)'],
    ['x{a="b",}', 'x{a="b"}'],
    ["x{a='\\''}", 'x{a="\'"}'],
    ['x{a=`\\n`}', 'x{a="\\\\n"}'],
    ['{"my.metric", "a.b"=~"c"}', '{"my.metric","a.b"=~"c"}'],
    ['x # comment\n + y # end', 'x + y'],
    ['x @ start() offset -5m', 'x @ start() offset -5m'],
    ['x offset 1h @ 1.5', 'x @ 1.500 offset 1h'],
    ['x[1h:5m] @ end()', 'x[1h:5m] @ end()'],
    ['{"a", __name__="b"}', '{"a",__name__="b"}'],
    ['a * on(x, y) group_left(z) b', 'a * on (x, y) group_left (z) b'],
    ['1 + on() group_left(z) a', '1 + a'],
    ['a / ignoring() b', 'a / b'],
    ['a / ignoring() group_left b', 'a / ignoring () group_left () b'],
    ['x{b="2",a="1"}', 'x{a="1",b="2"}'],
    ['"\\U0001011111☺"', '"𐄑11☺"'],
    ['a > bool ignoring(x) group_right b', 'a > bool ignoring (x) group_right () b'],
    ['holt_winters(x[5m], 0.1, 0.2)', 'holt_winters(x[5m], 0.1, 0.2)'],
    ['a:b:c', 'a:b:c'],
  ])('reads %s', (text, expected) => {
    expect(printExpr(parseQuery(text))).toBe(expected);
  });

  it.each([
    ['', '1:1: parse error: no expression found in input'],
    ['# only a comment', '1:1: parse error: no expression found in input'],
    ['1 1', '1:3: parse error: unexpected number "1"'],
    ['(1+1', '1:5: parse error: unclosed left parenthesis'],
    ['1)', `1:3: parse error: unexpected right parenthesis ')'`],
    ['1 +', '1:4: parse error: unexpected end of input'],
    ['*1', '1:1: parse error: unexpected <op:*>'],
    ['a\n  + + *', '2:7: parse error: unexpected <op:*>'],
    ['a by b', '1:3: parse error: unexpected <by>'],
    ['a sum', '1:3: parse error: unexpected <aggr:sum>'],
    ['a b', '1:3: parse error: unexpected identifier "b"'],
    ['a b:c', '1:3: parse error: unexpected metric identifier "b:c"'],
    ['a "b"', '1:3: parse error: unexpected string "\\"b\\""'],
    ['a,b', '1:2: parse error: unexpected ","'],
    ['foo{', '1:5: parse error: unexpected end of input inside braces'],
    ['foo}', `1:4: parse error: unexpected character: '}'`],
    ['foo{1}', `1:5: parse error: unexpected character inside braces: '1'`],
    ['foo{a}', '1:6: parse error: unexpected "}" in label matching, expected label matching operator'],
    ['foo{a=b}', '1:7: parse error: unexpected identifier "b" in label matching, expected string'],
    [
      'foo{a="b" c="d"}',
      '1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}"',
    ],
    ['foo[', '1:5: parse error: unclosed left bracket'],
    ['foo[5m', '1:7: parse error: unclosed left bracket'],
    [
      'foo[x]',
      '1:5: parse error: unexpected identifier "x" in subquery or range selector, expected number or duration',
    ],
    ['foo[5m[', `1:7: parse error: unexpected left bracket '['`],
    ['foo]', `1:4: parse error: unexpected right bracket ']'`],
    ['foo[0s]', '1:5: parse error: duration must be greater than 0'],
    ['foo[5m5h]', '1:5: parse error: not a valid duration string: "5m5h"'],
    ['foo[300y]', '1:5: parse error: duration out of range'],
    ['x offset 300y', '1:10: parse error: duration out of range'],
    ['foo[5m:1m:1m]', `1:10: parse error: unexpected colon ':'`],
    ['foo[1e30]', '1:5: parse error: duration out of range'],
    ['0deadbeef', '1:1: parse error: bad number or duration syntax: "0de"'],
    ['1__0', '1:1: parse error: bad number or duration syntax: "1__"'],
    ['1_', '1:1: parse error: bad number or duration syntax: "1_"'],
    ['1e', '1:1: parse error: bad number or duration syntax: "1e"'],
    ['1._5', '1:1: parse error: bad number or duration syntax: "1._"'],
    ['1.2.3', '1:1: parse error: bad number or duration syntax: "1.2."'],
    ['0x1.8', '1:1: parse error: bad number or duration syntax: "0x1."'],
    ['0xg', '1:1: parse error: bad number or duration syntax: "0x"'],
    ['0x', '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax'],
    ['1a', '1:1: parse error: bad number or duration syntax: "1"'],
    ['5m55', '1:1: parse error: bad number or duration syntax: "5m55"'],
    ['5hs', '1:1: parse error: unknown unit "hs" in duration "5hs"'],
    ['x[1.5h]', '1:3: parse error: unknown unit "." in duration "1.5h"'],
    ['5h5hs', '1:1: parse error: unknown unit "hs" in duration "5h5hs"'],
    ['5m5h5hs', '1:1: parse error: not a valid duration string: "5m5h5hs"'],
    ['x[-1]', '1:3: parse error: duration must be greater than 0'],
    ['x[-5m:1m]', '1:3: parse error: duration must be greater than 0'],
    ['x[5m:-1m]', '1:6: parse error: duration must be greater than 0'],
    ['x[-5m+6m]', '1:3: parse error: arithmetic with durations is not supported'],
    ['sum by ("") (x)', '1:9: parse error: invalid label name for grouping: ""'],
    ['by(2)', '1:3: parse error: unexpected "("'],
    ['a * OR(2)', '1:7: parse error: unexpected "("'],
    ['a * offset (b)', '1:12: parse error: unexpected "("'],
    ['a:b(x)', '1:4: parse error: unexpected "("'],
    ['x "abcdefghijklm"', '1:3: parse error: unexpected string "\\"abcdefghi"...'],
    ['x "abcdefgh"', '1:3: parse error: unexpected string "\\"abcdefgh\\""'],
    ['x "äöüäö"', '1:3: parse error: unexpected string "\\"äöüäö\\""...'],
    ['x "𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞"', '1:3: parse error: unexpected string "\\"𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞"...'],
    ['x 12345678901', '1:3: parse error: unexpected number "1234567890"...'],
    ['x 1h30m20s10ms', '1:3: parse error: unexpected duration "1h30m20s10"...'],
    ['{a!', `1:3: parse error: unexpected character after '!' inside braces: '\ufffd'`],
    ['a !', `1:3: parse error: unexpected character after '!': '\ufffd'`],
    ['{a!#"b"}', `1:3: parse error: unexpected character after '!' inside braces: '#'`],
    ['{""}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['x{""}', '1:1: parse error: metric name must not be set twice: "x" or ""'],
    ['x \\ y', `1:3: parse error: unexpected character: '\\\\'`],
    ['x\u200b', `1:2: parse error: unexpected character: '\\u200b'`],
    ['x{\u00a0}', `1:3: parse error: unexpected character inside braces: '\\u00a0'`],
    ['sum by (a)', '1:11: parse error: unexpected end of input in aggregation'],
    ['sum(, x)', '1:5: parse error: unexpected "," in aggregation'],
    ['sum(rate(x[5m]) by (a)', '1:17: parse error: unexpected <by> in aggregation'],
    ['sum(x y)', '1:7: parse error: unexpected identifier "y" in aggregation'],
    ['sum(x) y', '1:8: parse error: unexpected identifier "y"'],
    ['abs(x y)', '1:7: parse error: unexpected identifier "y"'],
    ['x + on(a) group_left', '1:21: parse error: unexpected end of input in grouping opts, expected "("'],
    ['x + on(a) group_left * y', '1:22: parse error: unexpected <op:*> in grouping opts, expected "("'],
    ['x info', '1:3: parse error: unexpected identifier "info"'],
    ['sum by info', '1:8: parse error: unexpected identifier "info" in grouping opts, expected "("'],
    ['info by (a)', '1:6: parse error: unexpected <by>'],
    [
      `1e999`,
      '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range',
    ],
    ['100..4', '1:1: parse error: bad number or duration syntax: "100.."'],
    ['"a', '1:1: parse error: unterminated quoted string'],
    ['`a', '1:1: parse error: unterminated raw string'],
    ['"a\nb"', '1:1: parse error: unterminated quoted string'],
    ['"\\q"', `1:1: parse error: unknown escape sequence U+0071 'q'`],
    [`"\\'"`, `1:1: parse error: unknown escape sequence U+0027 '''`],
    ['"\\x4z"', `1:1: parse error: illegal character U+007A 'z' in escape sequence`],
    ['"\\08"', `1:1: parse error: illegal character U+0038 '8' in escape sequence`],
    ['"\\400"', '1:1: parse error: escape sequence is an invalid Unicode code point'],
    ['"\\ud800"', '1:1: parse error: escape sequence is an invalid Unicode code point'],
    ['"\\U00110000"', '1:1: parse error: escape sequence is an invalid Unicode code point'],
    ['"a\\', '1:1: parse error: escape sequence not terminated'],
    ['"a\\u00', '1:1: parse error: escape sequence not terminated'],
    ['ä', `1:1: parse error: unexpected character: 'ä'`],
    ['a ! b', `1:3: parse error: unexpected character after '!': ' '`],
    ['1 =~ 1', `1:3: parse error: unexpected character after '=': '~'`],
    ['x @ foo', '1:5: parse error: unexpected identifier "foo" in @, expected timestamp'],
    ['a + x @ NaN', '1:5: parse error: timestamp out of bounds for @ modifier: NaN'],
    ['x @ -Inf', '1:1: parse error: timestamp out of bounds for @ modifier: -Inf'],
    [
      'x @ -9223372036854775809',
      '1:1: parse error: timestamp out of bounds for @ modifier: -9223372036854775808.000000',
    ],
    ['x @ start', '1:10: parse error: unexpected end of input in @, expected timestamp'],
    ['@ 1', '1:1: parse error: unexpected <op:@>'],
    ['x = 1', '1:3: parse error: unexpected "="'],
    ['x{a= =}', '1:6: parse error: unexpected "=" in label matching, expected string'],
    ['a - on(b) ignoring(c) d', '1:11: parse error: unexpected <ignoring>'],
    ['a + group_left(b) c', '1:5: parse error: unexpected <group_left>'],
    ['a + group_right b', '1:5: parse error: unexpected <group_right>'],
    ['a > bool bool b', '1:10: parse error: unexpected <bool>'],
    ['a == on(b) bool c', '1:12: parse error: unexpected <bool>'],
    ['{{a="b"}}', `1:2: parse error: unexpected left brace '{'`],
    ['atan2(a)', '1:1: parse error: unexpected <op:atan2>'],
    ['x @ 1 @ 2', '1:1: parse error: @ <timestamp> may not be set multiple times'],
    ['x offset 1m offset 2m', '1:1: parse error: offset may not be set multiple times'],
    ['x offset foo', '1:10: parse error: unexpected identifier "foo" in offset, expected number or duration'],
    [
      'abs(x) @ 1',
      '1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    ],
    [
      '1 offset 1d',
      '1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    ],
    ['(x)[5m]', '1:4: parse error: ranges only allowed for vector selectors'],
    ['x[5m][5m]', '1:6: parse error: ranges only allowed for vector selectors'],
    ['x offset 1m[5m]', '1:12: parse error: no offset modifiers allowed before range'],
    ['x @ 1 [5m]', '1:7: parse error: no @ modifiers allowed before range'],
    ['abs(x,)', '1:6: parse error: trailing commas not allowed in function call args'],
    ['sum by a (x)', '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
    ['sum by (1) (x)', '1:9: parse error: unexpected number "1" in grouping opts, expected label'],
    ['sum by (a) (x) by (b)', '1:16: parse error: unexpected <by>'],
    ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
    ['a{"b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
    // What only the types show to be wrong.
    ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['{a=~".*", b=""}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['1 == 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['a + bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
    ['a or bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
    ['1 unless 2', '1:1: parse error: set operator "unless" not allowed in binary scalar expression'],
    ['a and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ['a + on(b) 1', '1:1: parse error: vector matching only allowed between instant vectors'],
    ['1 or on(b) a', '1:1: parse error: vector matching only allowed between instant vectors'],
    ['1 or on() a', '1:1: parse error: set operator "or" not allowed in binary scalar expression'],
    ['a or on(b) group_left(c) d', '1:1: parse error: no grouping allowed for "or" operation'],
    [
      'a + on(b) group_left(b) c',
      '1:3: parse error: label "b" must not occur in ON and GROUP clause at once',
    ],
    ['a + x[5m]', '1:5: parse error: binary expression must contain only scalar and instant vector types'],
    ['a + "b"', '1:5: parse error: binary expression must contain only scalar and instant vector types'],
    [
      '-x[5m]',
      '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector"',
    ],
    [
      '-"a"',
      '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"',
    ],
    [
      'rate(up)',
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    ['rate(1)', '1:6: parse error: expected type range vector in call to function "rate", got scalar'],
    ['abs()', '1:1: parse error: expected 1 argument(s) in call to "abs", got 0'],
    ['abs(x, y)', '1:1: parse error: expected 1 argument(s) in call to "abs", got 2'],
    ['hour(a, b)', '1:1: parse error: expected at most 1 argument(s) in call to "hour", got 2'],
    ['label_join(x)', '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1'],
    ['nope(x)', '1:1: parse error: unknown function with name "nope"'],
    ['constructor(x)', '1:1: parse error: unknown function with name "constructor"'],
    ['sum(1)', '1:5: parse error: expected type instant vector in aggregation expression, got scalar'],
    ['sum()', '1:1: parse error: no arguments for aggregate expression provided'],
    [
      'sum(x, y)',
      '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2',
    ],
    [
      'topk(x)',
      '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1',
    ],
    ['topk("a", x)', '1:6: parse error: expected type scalar in aggregation parameter, got string'],
    ['count_values(1, x)', '1:14: parse error: expected type string in aggregation parameter, got scalar'],
    ['1[5m:1m]', '1:1: parse error: subquery is only allowed on instant vector, got scalar instead'],
    ['x[5m][5m:1m]', '1:1: parse error: subquery is only allowed on instant vector, got matrix instead'],
    // Parts of Prometheus that we do not have.
    ['limitk(2, x)', '1:1: parse error: "limitk" is not supported'],
    ['limit_ratio by (a) (0.5, x)', '1:1: parse error: "limit_ratio" is not supported'],
    ['histogram_count(x)', '1:1: parse error: "histogram_count" is not supported'],
    ['info(x)', '1:1: parse error: "info" is not supported'],
    ['rate(x[5m] anchored)', '1:12: parse error: "anchored" is not supported'],
    ['x[5m + 1m]', '1:6: parse error: arithmetic with durations is not supported'],
    ['x[min(step(), 1m)]', '1:3: parse error: arithmetic with durations is not supported'],
    ['x[step()]', '1:3: parse error: "step" is not supported'],
  ])('refuses %j', (text, message) => {
    expect(() => parseQuery(text)).toThrow(expect.objectContaining({ code: 'BAD_QUERY', message }));
  });

  it('takes names of unsupported functions as metric names', () => {
    expect(printExpr(parseQuery('info + start / smoothed{fill="1"}'))).toBe(
      'info + start / smoothed{fill="1"}',
    );
  });

  it('names a bad regular expression', () => {
    expect(() => parseQuery('x{a=~"("}')).toThrow(/^1:3: parse error: error parsing regexp: missing closing/);
  });
});

describe('hostile queries', () => {
  const refusal = expect.objectContaining({ code: 'BAD_QUERY' });

  it.each([
    ['parentheses', '('.repeat(100_000)],
    ['closed parentheses', `${'('.repeat(50_000)}1${')'.repeat(50_000)}`],
    ['signs', `${'-'.repeat(100_000)}x`],
    ['powers', Array.from({ length: 50_000 }, () => '1').join('^')],
    ['sums', Array.from({ length: 50_000 }, () => 'x').join('+')],
    ['calls', `${'abs('.repeat(20_000)}x${')'.repeat(20_000)}`],
    ['subqueries', `x${'[5m:1m]'.repeat(10_000)}`],
    ['aggregations', 'sum('.repeat(20_000)],
  ])('refuses 100 kB of nested %s', (_name, text) => {
    expect(() => parseQuery(text)).toThrow(refusal);
  });

  it('allows nesting up to the limit', () => {
    const depth = NESTING_MAX - 1;
    expect(printExpr(parseQuery(`${'('.repeat(depth)}1${')'.repeat(depth)}`))).toHaveLength(2 * depth + 1);
    expect(() => parseQuery(`${'('.repeat(depth + 1)}1${')'.repeat(depth + 1)}`)).toThrow(/nested more than/);
  });

  it('reads long but flat queries', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => `host-${i}`).join('|');
    expect(parseQuery(`x{host=~"${values.slice(0, 60_000)}"}`).kind).toBe('selector');
    const labels = Array.from({ length: 10_000 }, (_, i) => `l${i}`).join(',');
    expect(parseQuery(`sum by (${labels}) (x)`).kind).toBe('aggregate');
  });

  it('refuses queries that are too long', () => {
    expect(() => parseQuery(`x{a="${'a'.repeat(QUERY_LENGTH_MAX)}"}`)).toThrow(refusal);
  });

  it('refuses regular expressions that weigh too much together, and lets lists through', () => {
    const queryOf = (pattern: string): string => `x{a=~"${pattern}"} + x{b=~"${pattern}"}`;
    const list = Array.from({ length: 6_000 }, (_, i) => `host-${i}`).join('|');
    expect(parseQuery(queryOf(`(${list})`)).kind).toBe('binary');
    expect(parseQuery(queryOf('(a.|b.)'.repeat(4_000))).kind).toBe('binary');
    expect(() => parseQuery(queryOf('(a.|b.)'.repeat(5_000)))).toThrow('expression too large');
    expect(() => parseQuery(queryOf('\\\\pL'.repeat(1_100)))).toThrow('expression too large');
  });

  it('refuses selectors of more than a thousand matchers', () => {
    const selector = (count: number): string => `x{${'a!="b",'.repeat(count)}}`;
    expect(parseQuery(selector(1_000)).kind).toBe('selector');
    expect(() => parseQuery(selector(1_001))).toThrow('selector has more than 1000 matchers');
  });

  it('refuses regular expressions that are too long', () => {
    expect(() => parseQuery(`x{a=~"${'a'.repeat(100_000)}"}`)).toThrow(refusal);
  });
});
