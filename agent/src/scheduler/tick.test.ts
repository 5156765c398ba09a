import { describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { decodeSamples, encodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { FakeHost } from '../host/testing.ts';
import { createSamplers } from '../samplers/list.ts';
import type { SchemaValues } from '../samplers/readings.ts';
import type { Sampler } from '../samplers/sampler.ts';
import { formatValues } from '../samplers/text.ts';
import { mountTimeoutMs, samplerTimeoutMs, TickTaker, type Tick } from './tick.ts';

function parts(tick: Tick): readonly SchemaValues[] {
  return tick.results.flatMap((result) => (result.kind === 'values' ? result.parts : []));
}

function lines(tick: Tick): string[] {
  return parts(tick).flatMap(formatValues);
}

/** A sampler with one value. */
function constant(name: string): Sampler {
  return { name, metrics: ['node_load1'], sample: (_host, readings) => readings.add('node_load1', 1) };
}

describe('TickTaker', () => {
  it.runIf(process.platform === 'linux')(
    'reads this machine, and a collector reads back what it read',
    async () => {
      using host = new LocalHost(MACHINE_ROOTS);
      const intervalMs = 10_000;
      const samplers = createSamplers('linux', {
        clock: systemClock,
        agent: { version: '0', arch: 'x64', os: 'linux' },
        mountTimeoutMs: mountTimeoutMs(intervalMs),
      });
      const taker = new TickTaker({ clock: systemClock, host, samplers, intervalMs });
      const first = parts(await taker.takeTick()).map(({ schema }) => schema.sampler);
      expect(first).toEqual([...samplers.map(({ name }) => name), 'sampling']);
      const tick = await taker.takeTick();
      expect(tick.results.filter(({ kind }) => kind === 'failed')).toEqual([]);
      const sent = parts(tick);
      const writer = new ByteWriter();
      encodeSamples(
        writer,
        sent.map((part, i) => ({ kind: 'values', schemaNumber: i + 1, offsetMs: 0, ...part })),
      );
      const received = decodeSamples(writer.copy(), (number) => sent[number - 1]?.schema).flatMap(
        (block, i) => {
          const schema = sent[i]?.schema;
          return block.kind === 'values' && schema !== undefined ? formatValues({ ...block, schema }) : [];
        },
      );
      expect(received).toEqual(lines(tick));
      expect(received.length).toBeGreaterThan(100);
    },
  );

  it('charges each sampler its own time only', async () => {
    const clock = new FakeClock();
    const slow: Sampler = {
      name: 'slow',
      metrics: [],
      sample: (_host, readings) => {
        const monoMs = clock.monoMs();
        clock.monoMs = () => monoMs + 250;
        readings.add('node_load1', 1);
      },
    };
    const quick: Sampler = { name: 'quick', metrics: [], sample: () => undefined };
    const taker = new TickTaker({ clock, host: new FakeHost(), samplers: [slow, quick], intervalMs: 10_000 });
    const tick = await taker.takeTick();
    expect(tick.results.map(({ sampler, offsetMs, durationMs }) => [sampler, offsetMs, durationMs])).toEqual([
      ['slow', 0, 250],
      ['quick', 250, 0],
      ['sampling', 250, 0],
    ]);
    expect(lines(tick)).toContain('node_scrape_collector_duration_seconds{collector="slow"} 0.25');
    // The other one found nothing to read on this machine.
    expect(lines(tick).join()).not.toContain('quick');
    expect(clock.timerCount).toBe(0);
  });

  it('charges those that are read less often with their own time only', async () => {
    const clock = new FakeClock();
    const taking = (name: string, takesMs: number, pace?: 'slow'): Sampler => ({
      name,
      metrics: [],
      ...(pace === undefined ? {} : { pace }),
      sample: (_host, readings) => {
        const monoMs = clock.monoMs();
        clock.monoMs = () => monoMs + takesMs;
        readings.add('node_load1', 1);
      },
    });
    const samplers = [taking('quick', 40), taking('slow1', 1, 'slow'), taking('slow2', 2, 'slow')];
    const paces = { intervalMs: 1_000, slowIntervalMs: 10_000 };
    const taker = new TickTaker({ clock, host: new FakeHost(), samplers, ...paces });
    const { results } = await taker.takeTick();
    const times = results.map(({ sampler, offsetMs, durationMs }) => [sampler, offsetMs, durationMs]);
    expect(times.filter(([sampler]) => samplers.some(({ name }) => name === sampler))).toEqual([
      ['quick', 0, 40],
      ['slow1', 40, 1],
      ['slow2', 41, 2],
    ]);
  });

  it('tells what samplers left out, once there is something', async () => {
    let isOdd = false;
    const odd: Sampler = {
      name: 'odd',
      metrics: ['node_load1'],
      sample(_host, readings) {
        readings.add('node_load1', 1);
        if (!isOdd) return;
        readings.add('node_load1', 2);
        readings.dropUnknown();
      },
    };
    const options = { clock: new FakeClock(), host: new FakeHost(), samplers: [odd], intervalMs: 10_000 };
    const taker = new TickTaker(options);
    expect(lines(await taker.takeTick()).join()).not.toContain('dropped');
    isOdd = true;
    await taker.takeTick();
    expect(lines(await taker.takeTick())).toEqual(
      expect.arrayContaining([
        'node_load1 1',
        'rollcall_agent_samples_dropped_total{collector="odd",reason="duplicate"} 2',
        'rollcall_agent_samples_dropped_total{collector="odd",reason="unknown"} 2',
      ]),
    );
  });

  it('reads slow samplers at their own interval, and all of them the first time', async () => {
    const clock = new FakeClock();
    const taker = new TickTaker({
      clock,
      host: new FakeHost(),
      samplers: [constant('cpu'), { ...constant('disk'), pace: 'slow' }, constant('load')],
      intervalMs: 1_000,
      slowIntervalMs: 3_000,
    });
    const seen: string[] = [];
    for (let tick = 0; tick < 7; tick++) {
      const { results } = await taker.takeTick();
      seen.push(results.map(({ sampler }) => sampler).join(' '));
      // Timers are never exact; being early by less than half a tick is in time.
      await clock.advance(tick % 2 === 0 ? 990 : 1_005);
    }
    const quick = 'cpu load sampling';
    const both = `${quick} disk sampling.slow`;
    expect(seen).toEqual([both, quick, quick, both, quick, quick, both]);
  });

  it('reads slow samplers as soon as they are due when ticks were missed', async () => {
    const clock = new FakeClock();
    const samplers = [{ ...constant('disk'), pace: 'slow' } as const];
    const paces = { intervalMs: 1_000, slowIntervalMs: 10_000 };
    const taker = new TickTaker({ clock, host: new FakeHost(), samplers, ...paces });
    await taker.takeTick();
    await clock.advance(60_000);
    expect((await taker.takeTick()).results.map(({ sampler }) => sampler)).toContain('disk');
  });

  it('says of each series how often it is read', async () => {
    const samplers = [constant('cpu'), { ...constant('disk'), pace: 'slow' } as const];
    const taker = new TickTaker({
      clock: new FakeClock(),
      host: new FakeHost(),
      samplers,
      intervalMs: 1_000,
      slowIntervalMs: 10_000,
    });
    const tick = await taker.takeTick();
    expect(parts(tick).map(({ schema }) => [schema.sampler, schema.intervalMs])).toEqual([
      ['cpu', 1_000],
      ['sampling', 1_000],
      ['disk', 10_000],
      ['sampling.slow', 10_000],
    ]);
    expect(lines(tick)).toContain('node_scrape_collector_success{collector="disk"} 1');
  });

  it.each([10_000, 5_000])(
    'reads everything in each tick when %d ms is no more than the interval',
    async (slow) => {
      const clock = new FakeClock();
      const samplers = [{ ...constant('disk'), pace: 'slow' } as const, constant('cpu')];
      const paces = { intervalMs: 10_000, slowIntervalMs: slow };
      const taker = new TickTaker({ clock, host: new FakeHost(), samplers, ...paces });
      for (let tick = 0; tick < 2; tick++) {
        const { results } = await taker.takeTick();
        expect(results.map(({ sampler }) => sampler)).toEqual(['disk', 'cpu', 'sampling']);
        await clock.advance(10_000);
      }
    },
  );

  it('waits for a slow sampler no longer than for any other', async () => {
    const clock = new FakeClock();
    const hanging: Sampler = {
      name: 'hanging',
      pace: 'slow',
      metrics: [],
      sample: () => new Promise(() => {}),
    };
    const paces = { intervalMs: 1_000, slowIntervalMs: 10_000 };
    const taker = new TickTaker({
      clock,
      host: new FakeHost(),
      samplers: [constant('cpu'), hanging],
      ...paces,
    });
    const pending = taker.takeTick();
    await clock.advance(samplerTimeoutMs(1_000));
    const { results } = await pending;
    expect(results.map(({ sampler, kind }) => `${sampler} ${kind}`)).toEqual([
      'cpu values',
      'sampling values',
      'hanging failed',
      'sampling.slow values',
    ]);
  });

  it('adds what the caller reports', async () => {
    const taker = new TickTaker({
      clock: new FakeClock(),
      host: new FakeHost(),
      samplers: [],
      intervalMs: 1_000,
    });
    const tick = await taker.takeTick((readings) => readings.add('rollcall_spool_records', 7));
    expect(lines(tick)).toEqual(['rollcall_spool_records 7']);
  });

  it.each([1_000, 10_000, 3_600_000])('leaves time to spare at an interval of %d ms', (intervalMs) => {
    expect(mountTimeoutMs(intervalMs)).toBeLessThan(samplerTimeoutMs(intervalMs));
    expect(samplerTimeoutMs(intervalMs)).toBeLessThan(intervalMs);
  });
});
