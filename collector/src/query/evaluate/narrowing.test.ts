import { systemClock } from '@rollcall/shared/lib/clock.ts';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import type { StorageReader } from '../../storage/storage.ts';
import { createQueryEngine, type InstantOptions } from '../query.ts';

const NEVER = new AbortController().signal;
const NOW_MS = 600_000;

interface Point {
  readonly name: string;
  readonly host: string;
  readonly dev: string;
  readonly value: number;
}

/** An engine on these series, and what it asks the store for. */
async function engineOn(points: readonly Point[]) {
  const storage = new MemoryStorage();
  await storage.append(
    points.map(({ name, host, dev, value }) => ({
      labels: Labels.of({ __name__: name, instance: host, dev }),
      samples: [
        { timeMs: NOW_MS - 60_000, value: 0 },
        { timeMs: NOW_MS, value },
      ],
    })),
  );
  const asked: string[] = [];
  const recorder: StorageReader = {
    select: (request, signal) => {
      asked.push(request.matchers.map(({ name, operator, value }) => `${name}${operator}${value}`).join());
      return storage.select(request, signal);
    },
    series: (request, signal) => storage.series(request, signal),
    labelNames: (request, signal) => storage.labelNames(request, signal),
    labelValues: (name, request, signal) => storage.labelValues(name, request, signal),
  };
  const engine = createQueryEngine({ storage: recorder, clock: systemClock });
  const query = async (text: string, options: Partial<InstantOptions> = {}): Promise<readonly string[]> => {
    const { value } = await engine.instant(text, { timeMs: NOW_MS, ...options }, NEVER);
    return value.kind === 'vector'
      ? value.samples.map(({ labels, value: one }) => `${labels.toString()} ${one}`)
      : [];
  };
  return { query, asked };
}

const FLEET: readonly Point[] = ['web.1', 'web.2', 'db(1)'].flatMap((host, i) => [
  { name: 'avail', host, dev: 'sda', value: i },
  { name: 'size', host, dev: 'sda', value: 10 },
]);

describe('the side of and or unless that comes second', () => {
  it.each([
    ['size and on (instance) avail == 1', '__name__=size,instance=~web\\.2'],
    ['deriv(size[5m]) and avail == 1', '__name__=size,instance=~web\\.2'],
    ['deriv((size > 0)[5m:1m]) and avail == 1', '__name__=size,instance=~web\\.2'],
    ['(size > 3) and ignoring (dev) avail >= 1', '__name__=size,instance=~db\\(1\\)|web\\.2'],
    ['3 < size and on (instance) avail > 5', '__name__=size,instance=~'],
    [
      'size == 10 and on (instance) deriv(avail[5m]) > 0',
      '__name__=avail,instance=~db\\(1\\)|web\\.1|web\\.2',
    ],
    ['size > 10 and on (instance) deriv(avail[5m]) > 0', '__name__=avail,instance=~'],
    ['avail == 1 unless on (instance) deriv(size[5m]) > 0', '__name__=size,instance=~web\\.2'],
    ['avail == 1 unless size', '__name__=size,instance=~web\\.2'],
    ['avail == 1 or deriv(size[5m])', '__name__=size'],
    ['size and on (dev) avail == 1', '__name__=size'],
    ['size and ignoring (instance) avail == 1', '__name__=size'],
    ['sum by (instance) (size) and on (instance) avail == 1', '__name__=size'],
    ['{__name__="size"} and on (instance) avail == 1', '__name__=size'],
    ['avail == 1 unless (size or {__name__="avail"})', '__name__=size'],
    ['avail == 1 unless (size unless {__name__="avail"})', '__name__=size,instance=~web\\.2'],
  ])('%s asks for %s', async (text, expected) => {
    const { query, asked } = await engineOn(FLEET);
    await query(text);
    const sorted = asked.map((one) =>
      one.replace(/=~.*/, (hosts) => `=~${hosts.slice(2).split('|').sort().join('|')}`),
    );
    expect(sorted).toContain(expected);
  });

  it('is asked for as a whole when the right side has many hosts', async () => {
    const many = Array.from({ length: 201 }, (_, i) => ({
      name: 'avail',
      host: `h${i}`,
      dev: 'sda',
      value: 1,
    }));
    const { query, asked } = await engineOn([...many, { name: 'size', host: 'h7', dev: 'sda', value: 2 }]);
    expect(await query('size and on (instance) avail')).toHaveLength(1);
    expect(asked).toContain('__name__=size');
  });

  it('is asked for as a whole when it is counted what would be read', async () => {
    const { query, asked } = await engineOn(FLEET);
    expect(await query('size and on (instance) avail == 1', { stats: 'sums' })).toHaveLength(1);
    expect(asked).toContain('__name__=size');
  });

  it('gives what it gives when every series is read', async () => {
    const pointOf = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      host: fc.constantFrom('', 'h1', 'h.2', 'h|3', '.*'),
      dev: fc.constantFrom('', 'x', 'y'),
      value: fc.integer({ min: 0, max: 4 }),
    });
    const points = fc.uniqueArray(pointOf, {
      selector: ({ name, host, dev }) => `${name} ${host} ${dev}`,
      maxLength: 20,
    });
    const side = (name: string) =>
      fc.constantFrom(
        name,
        `(${name} > 1)`,
        `deriv(${name}[5m])`,
        `2 < ${name}`,
        `(${name} unless c)`,
        `(${name} or c)`,
        `(${name} and c)`,
        // Series without their names may become one, which is an error.
        `(1 / (${name} or {__name__=~"[abc]"}))`,
        `(1 / ({__name__=~"[abc]"} unless ${name}))`,
      );
    const matching = fc.constantFrom(
      '',
      'on (instance)',
      'on (dev)',
      'ignoring (dev)',
      'ignoring (instance)',
      'on (instance, dev)',
    );
    const operator = fc.constantFrom('and', 'unless');
    await fc.assert(
      fc.asyncProperty(
        points,
        side('a'),
        side('b'),
        operator,
        matching,
        async (fleet, left, right, by, on) => {
          const { query } = await engineOn(fleet);
          // What stands in an aggregation is never narrowed, and this one changes nothing.
          const whole = (one: string): string => `sum by (__name__, instance, dev) (${one})`;
          const answer = (text: string): Promise<readonly string[] | string> =>
            query(text).then((rows) => rows.toSorted(), String);
          expect(await answer(`${left} ${by} ${on} ${right}`)).toEqual(
            await answer(`${whole(left)} ${by} ${on} ${whole(right)}`),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
