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
