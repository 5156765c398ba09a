import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScript } from './run.ts';

const FOLDER = join(import.meta.dirname, '../testdata');
const CONFORMANCE = process.env['ROLLCALL_CONFORMANCE'];

/** `x.delayed.test` runs with delayed name removal, `x.immediate.test` without, all others both ways. */
function modesOf(fileName: string): readonly boolean[] {
  if (fileName.endsWith('.delayed.test')) return [true];
  return fileName.endsWith('.immediate.test') ? [false] : [false, true];
}

function scriptsIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.test'));
}

describe('our own scripts', () => {
  for (const name of scriptsIn(FOLDER)) {
    for (const isNameRemovalDelayed of modesOf(name)) {
      it(`${name} passes with ${isNameRemovalDelayed ? 'delayed' : 'immediate'} name removal`, async () => {
        const result = await runScript(readFileSync(join(FOLDER, name), 'utf8'), { isNameRemovalDelayed });
        expect(result.failures).toEqual([]);
        expect(result.passed).toBeGreaterThan(0);
        expect([...result.skipped]).toEqual([]);
      });
    }
  }
});

describe.skipIf(CONFORMANCE === undefined)('the scripts of Prometheus', () => {
  for (const name of CONFORMANCE === undefined ? [] : scriptsIn(CONFORMANCE)) {
    it(`${name} passes`, async () => {
      const text = readFileSync(join(CONFORMANCE ?? '', name), 'utf8');
      expect((await runScript(text, { isNameRemovalDelayed: true })).failures).toEqual([]);
    });
  }
  it('needs the environment variable ROLLCALL_CONFORMANCE', () => {
    expect(CONFORMANCE).toBeDefined();
  });
});

describe('the runner itself', () => {
  const run = (text: string) => runScript(text, { isNameRemovalDelayed: false });
  const DATA = 'load 1m\n  m{a="1"} 1 2 3\n  m{a="2"} 4 stale\n\n';

  it.each([
    ['a wrong value', 'eval instant at 0m m{a="1"}\n  m{a="1"} 7', /got 1, expected 7/],
    [
      'a missing series',
      'eval instant at 0m m{a="1"}\n  m{a="1"} 1\n  m{a="9"} 1',
      /missing series m\{a="9"\}/,
    ],
    ['an extra series', 'eval instant at 0m m\n  m{a="1"} 1', /unexpected series/],
    ['the wrong order', 'eval_ordered instant at 0m m\n  m{a="2"} 4\n  m{a="1"} 1', /expected 2/],
    ['a result instead of nothing', 'eval instant at 0m m', /unexpected series/],
    ['a vector instead of a scalar', 'eval instant at 0m m\n  1', /expected scalar/],
    ['no error', 'eval_fail instant at 0m m', /no error/],
    ['another error', 'eval_fail instant at 0m 1 +\n  expected_fail_message nope', /other error/],
    ['an unexpected error', 'eval instant at 0m 1 +\n  1', /unexpected end of input/],
    ['a missing warning', 'eval_warn instant at 0m m{a="1"}\n  m{a="1"} 1', /expected warning/],
    ['an unexpected warning', 'eval instant at 0m quantile(2, m)\n  {} Inf', /unexpected warning/],
    [
      'a wrong step',
      'eval range from 0 to 1m step 1m m{a="1"}\n  m{a="1"} 1 3',
      /60000 ms: got 2, expected 3/,
    ],
    ['a gap that should not be', 'eval range from 0 to 1m step 1m m{a="2"}\n  m{a="2"} 4 4', /got nothing/],
    [
      'a value where a gap should be',
      'eval range from 0 to 1m step 1m m{a="1"}\n  m{a="1"} 1 _',
      /expected nothing/,
    ],
  ])('reports %s', async (_name, script, reason) => {
    const { failures } = await run(DATA + script);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.reason).toMatch(reason);
    expect(failures[0]?.line).toBe(5);
  });

  it('skips what needs native histograms', async () => {
    const script =
      'load 1m\n  h {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x3\n\nload_with_nhcb 1m\n  c_bucket{le="1"} 1\n\n';
    const evals =
      'eval instant at 0m sum(h)\n  {} {{}}\n\neval instant at 0m histogram_count(x)\n\n' +
      'eval instant at 0m {__name__=~"c|d"}\n\neval instant at 0m c_bucket\n  c_bucket{le="1"} 1\n';
    expect(await run(script + evals)).toEqual({
      passed: 1,
      skipped: new Map([['native histograms', 3]]),
      failures: [],
    });
  });

  it('skips series that say when they began to count', async () => {
    const script =
      'load 1m\n  c{a="1"}@st _ -30s-1mx2\n  c{a="1"} 0+1x3\n  c{a="2"} 0+1x3\n\n' +
      'eval instant at 2m increase(c[2m])\n\neval instant at 2m c{a="2"}\n  c{a="2"} 2\n';
    expect(await run(script)).toEqual({
      passed: 1,
      skipped: new Map([['start timestamps', 1]]),
      failures: [],
    });
  });

  const WARNS = `${DATA}eval instant at 0m quantile(2, m)\n`;
  it.each([
    ['lets a warning pass', '', []],
    ['refuses a warning', '  expect no_warn\n', [expect.stringMatching(/unexpected warning/)]],
    [
      'wants each of several warnings',
      '  expect warn\n  expect warn msg: nope\n',
      [expect.stringMatching(/not among/)],
    ],
    ['wants no warning beside those that it names', '  expect warn regex: (?i)promql.*got 2\n', []],
  ])('%s in scripts with lines of expect', async (_name, lines, reasons) => {
    const modern = `${WARNS}${lines}  {} Inf\n\neval instant at 0m m{a="1"}\n  expect no_warn\n  m{a="1"} 1\n`;
    const { failures } = await run(modern);
    expect(failures.map((failure) => failure.reason)).toEqual(reasons);
  });

  it.each([
    'nonsense',
    'load',
    'load x\n  m 1',
    'load 1m\n  m 1y',
    'load 1m\n  m{a~"b"} 1',
    'eval range from 0 to x step 1 m',
    'eval instant at 0m m\n  expect nothing of it',
    'eval instant at 0m m\n  expect fail regex: (?=look)',
  ])('reports %j and runs what else there is', async (command) => {
    const rest = 'eval instant at 0m m{a="1"}\n  expect no_warn\n  m{a="1"} 1\n';
    const { failures, passed } = await run(`${DATA}${command}\n\n${rest}`);
    expect(failures).toEqual([
      { line: 5, expr: command.split('\n')[0], reason: expect.any(String) as unknown },
    ]);
    expect(passed).toBe(1);
  });

  it('skips all series behind a line that says for all when they began to count', async () => {
    const script =
      'load 1m\n  c{a="1"} 0+1x3\n  @st -1m\n  c{a="2"} 0+1x3\n\n' +
      'eval instant at 2m c{a="1"}\n  c{a="1"} 2\n\neval instant at 2m c{a="2"}\n  c{a="2"} 2\n';
    expect(await run(script)).toEqual({
      passed: 1,
      skipped: new Map([['start timestamps', 1]]),
      failures: [],
    });
  });

  it('takes the time of an instant query as its start and its end', async () => {
    const evals =
      'eval instant at 1m m{a="1"} @ start()\n  m{a="1"} 2\n\n' +
      'eval instant at 1m sum_over_time(m{a="1"}[2m:1m] @ end())\n  {a="1"} 3\n';
    expect(await run(DATA + evals)).toMatchObject({ passed: 2, failures: [] });
  });
});
