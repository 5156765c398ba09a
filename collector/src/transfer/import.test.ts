import { describe, expect, it } from 'vitest';
import type { Labels } from '../storage/labels.ts';
import { createMatcher } from '../storage/matcher.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import { importOpenMetrics, type ImportProgress } from './import.ts';
import { LINE_BYTES_MAX } from './text-lines.ts';

const NEWEST_MS = 2_000_000_000_000;
const SIGNAL = new AbortController().signal;

async function* inPieces(text: string | Buffer, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

function world(reserved: (labels: Labels) => boolean = () => false) {
  const storage = new MemoryStorage();
  const seen: ImportProgress[] = [];
  const run = (text: string | Buffer, { size = 7, portionSamples = 2 } = {}) =>
    importOpenMetrics(inPieces(text, size), {
      append: (batch) => storage.append(batch),
      reserved: { has: reserved },
      newestMs: NEWEST_MS,
      progress: (progress) => seen.push(progress),
      limits: { portionSamples, seriesKept: 2 },
    });
  const stored = async (name: string) =>
    (
      await storage.select(
        { matchers: [createMatcher('__name__', '=~', name)], fromMs: 0, toMs: NEWEST_MS, samplesMax: 1e6 },
        SIGNAL,
      )
    ).map(({ labels, timestamps, values }) => [labels.toString(), [...timestamps], [...values]]);
  return { run, stored, seen };
}

const TEXT = `# TYPE a gauge
# HELP a what a is
a{x="1"} 1 10
a{x="1"} 2 20
a{x="2"} 3 10.5
# TYPE b unknown
b NaN 10
b +Inf 20
b 5 30
# EOF
`;

describe('an import', () => {
  it.each([1, 7, 64, 10_000])(
    'stores every sample of a text that comes in pieces of %i bytes',
    async (size) => {
      const { run, stored } = world();
      expect(await run(TEXT, { size })).toMatchObject({
        lines: 10,
        samples: 6,
        stored: 6,
        refused: new Map(),
      });
      expect(await stored('.+')).toEqual([
        ['a{x="1"}', [10_000, 20_000], [1, 2]],
        ['a{x="2"}', [10_500], [3]],
        ['b', [10_000, 20_000, 30_000], [Number.NaN, Number.POSITIVE_INFINITY, 5]],
      ]);
    },
  );

  it('may be repeated: what is there already is left out', async () => {
    const { run, stored } = world();
    await run(TEXT);
    const before = await stored('.+');
    const again = await run(TEXT);
    expect(again.samples).toBe(6);
    expect(await stored('.+')).toEqual(before);
  });

  it('tells how far it is', async () => {
    const { run, seen } = world();
    await run(TEXT, { size: 50 });
    expect(seen.at(-1)).toEqual({ lines: 10, bytes: TEXT.length, samples: 6 });
    expect(seen.length).toBeGreaterThan(2);
  });

  it('leaves out series of hosts that report themselves, and counts them', async () => {
    const { run, stored } = world((labels) => labels.get('x') === '1');
    const { refused } = await run(TEXT);
    expect(refused).toEqual(new Map([['reserved', 2]]));
    expect(await stored('a')).toHaveLength(1);
  });

  it('counts samples that go back in time', async () => {
    const { run } = world();
    const { stored, refused } = await run('a 1 20\na 2 10\na 1 20\n# EOF\n');
    expect([stored, refused]).toEqual([2, new Map([['out_of_order', 1]])]);
  });

  it.each([
    ['a line that is no sample', 'a 1 10\noops\n# EOF\n', 'line 2: "oops" is no sample'],
    ['labels that make no sense', 'a 1 10\na{x=1} 1 10\n# EOF\n', 'line 2: "x=1}" is no label'],
    ['a time in the future', 'a 1 2000000001\n# EOF\n', 'line 1: time 2000000001 lies in the future'],
    [
      'a time in milliseconds',
      'a 1 1767225600000\n# EOF\n',
      'line 1: time "1767225600000" is no time in seconds',
    ],
    ['no end', 'a 1 10\n', 'read to line 1: the text does not end with "# EOF"'],
    ['nothing', '', 'read to line 0'],
    ['text behind the end', '# EOF\na 1 10\n', 'line 2: text behind # EOF'],
    ['an empty line', 'a 1 10\n\n# EOF\n', 'line 2: "" is no sample'],
    ['a line without end', `# ${'x'.repeat(LINE_BYTES_MAX)}`, 'line 1: longer than'],
    ['a long line among others', `a 1 10\n# ${'x'.repeat(LINE_BYTES_MAX)}\n# EOF\n`, 'line 2: longer than'],
    [
      'bytes that are not UTF-8',
      Buffer.from('a 1 10\nb{x="\xff"} 1 10\n# EOF\n', 'latin1'),
      'line 2: not UTF-8',
    ],
  ])('ends with the line when there is %s', async (_, text, message) => {
    await expect(world().run(text, { size: 100_000 })).rejects.toThrow(message);
    await expect(world().run(text, { size: 1_000 })).rejects.toThrow(message);
  });
});
