import { assert, describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger, type Logger } from '@rollcall/shared/lib/log.ts';
import {
  CODEC,
  decodeRecord,
  encodeRecord,
  RECORD_FLAG,
  RECORD_KIND,
} from '@rollcall/shared/protocol/record.ts';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { HostError } from '../host/host.ts';
import { FakeHost } from '../host/testing.ts';
import type { Sampler } from '../samplers/sampler.ts';
import { Scheduler } from './scheduler.ts';
import { FakeSpool } from './testing.ts';
import { TickTaker } from './tick.ts';

/** Counts how often it runs and emits that. */
function countingSampler(): Sampler & { runs: number } {
  return {
    name: 'load',
    metrics: ['node_load1'],
    runs: 0,
    sample(_host, readings) {
      this.runs += 1;
      readings.add('node_load1', this.runs);
    },
  };
}

function failingSampler(): Sampler & { error: Error | undefined } {
  return {
    name: 'stat',
    metrics: ['node_forks_total'],
    error: undefined,
    sample(_host, readings) {
      readings.add('node_forks_total', 5);
      if (this.error !== undefined) throw this.error;
    },
  };
}

/** Waits until it is released, whatever the signal says. */
function hangingSampler(): Sampler & { runs: number; release: () => void } {
  return {
    name: 'filesystem',
    metrics: ['node_load5'],
    runs: 0,
    release: () => undefined,
    async sample(_host, readings) {
      this.runs += 1;
      readings.add('node_load5', 1);
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    },
  };
}

class Bench {
  readonly clock = new FakeClock();
  readonly spool = new FakeSpool();
  readonly messages: string[] = [];
  readonly scheduler: Scheduler;

  constructor(samplers: readonly Sampler[], intervalMs = 10_000) {
    const note = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      this.messages.push(`${message} ${typeof fields?.['what'] === 'string' ? fields['what'] : ''}`.trim());
    };
    const log: Logger = { ...silentLogger, info: note, warn: note, error: note };
    const { clock, spool } = this;
    const ticks = new TickTaker({ clock, host: new FakeHost(), samplers, intervalMs });
    this.scheduler = new Scheduler({ clock, log, ticks, spool, intervalMs });
  }

  flags(): number[] {
    return this.spool.records.map(({ draft }) => draft.flags);
  }

  /** Value of a series without labels, or with the one label value given, in the record at `index`. */
  value(index: number, metric: string, label?: string): number | undefined {
    for (const block of this.spool.blocks(index)) {
      if (block.kind !== 'values') continue;
      let at = 0;
      for (const { name, series } of block.schema.metrics) {
        for (const labels of series) {
          const isPresent = block.present === undefined || block.present[at] === 1;
          if (name === metric && labels[0] === label && isPresent) return block.values[at];
          at += 1;
        }
      }
    }
    return undefined;
  }
}

it.each([
  ['stays as it is', 'second', 1_000, false],
  ['is compressed', '10 s', 10_000, true],
])('a tick of 1.5 KiB %s where one comes each %s', (_what, _often, intervalMs, isCompressed) => {
  const bench = new Bench([countingSampler()], intervalMs);
  bench.scheduler.start();
  const draft = bench.spool.records[0]?.draft;
  assert(draft !== undefined, 'a tick was taken');
  const record = decodeRecord(encodeRecord({ ...draft, body: Buffer.alloc(1_536, 'tick') }, 1), 0);
  expect(record.codec === CODEC.DEFLATE_RAW).toBe(isCompressed);
});

describe('retuning', () => {
  it('goes on at another pace with other samplers, and counts go on', async () => {
    const [before, after] = [countingSampler(), countingSampler()];
    const bench = new Bench([before]);
    bench.scheduler.start();
    await bench.clock.advance(25_000);
    const { clock, scheduler } = bench;
    const ticks = new TickTaker({ clock, host: new FakeHost(), samplers: [after], intervalMs: 2_000 });
    await scheduler.retune({ ticks, intervalMs: 2_000 });
    await clock.advance(5_000);
    expect([before.runs, after.runs]).toEqual([3, 3]);
    expect(scheduler.counts()).toEqual({
      due: 6,
      taken: 6,
      missed: { overrun: 0, suspended: 0, no_storage: 0 },
    });
    await scheduler.stop();
    expect(clock.timerCount).toBe(0);
  });
});

describe('Scheduler', () => {
  it('takes the first tick at once and then one each interval without drift', async () => {
    const sampler = countingSampler();
    const bench = new Bench([sampler]);
    const start = bench.clock.wallMs();
    bench.scheduler.start();
    bench.scheduler.start();
    await bench.clock.advance(0);
    expect(bench.spool.records).toHaveLength(1);
    await bench.clock.advance(95_000);
    expect(bench.spool.records.map(({ draft }) => draft.wallMs - start)).toEqual(
      Array.from({ length: 10 }, (_, i) => i * 10_000),
    );
    expect(bench.spool.records.every(({ draft }) => draft.kind === RECORD_KIND.SAMPLES)).toBe(true);
    expect(bench.value(9, 'node_load1')).toBe(10);
    expect(bench.scheduler.counts()).toEqual({
      due: 10,
      taken: 10,
      missed: { overrun: 0, suspended: 0, no_storage: 0 },
    });
  });

  it('has a tick that waits for nothing in the spool before anything else can happen', () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    expect(bench.spool.records).toHaveLength(1);
    expect(bench.scheduler.counts().taken).toBe(1);
    expect(bench.clock.timerCount).toBe(1);
  });

  it('stops, leaves no timer behind, and stops twice without harm', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(15_000);
    await bench.scheduler.stop();
    await bench.scheduler.stop();
    expect(bench.clock.timerCount).toBe(0);
    await bench.clock.advance(60_000);
    expect(bench.spool.records).toHaveLength(2);
  });

  it('keeps the tick under way when it is stopped', async () => {
    const sampler = hangingSampler();
    const bench = new Bench([sampler]);
    bench.scheduler.start();
    const stopped = bench.scheduler.stop();
    sampler.release();
    await stopped;
    expect(bench.spool.records).toHaveLength(1);
    expect(bench.clock.timerCount).toBe(0);
  });

  it('counts samples and reports on the sampling itself', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(0);
    const blocks = bench.spool.blocks(0);
    const samples = blocks.reduce(
      (sum, block) => sum + (block.kind === 'values' ? block.values.length : 0),
      0,
    );
    expect(bench.spool.records[0]?.counts).toEqual({ ticks: 1, samples });
    expect(bench.value(0, 'node_scrape_collector_success', 'load')).toBe(1);
    expect(bench.value(0, 'node_scrape_collector_duration_seconds', 'load')).toBe(0);
    expect(bench.value(0, 'rollcall_agent_ticks_due_total')).toBe(1);
    expect(bench.value(0, 'rollcall_agent_ticks_taken_total')).toBe(1);
    expect(bench.value(0, 'rollcall_spool_bytes_max')).toBe(1_000);
  });

  it('flags the first record only', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    expect(bench.flags()).toEqual([RECORD_FLAG.FIRST_AFTER_START, 0]);
  });

  it.each([3_600_000, -3_600_000, 1_500, -1_500])('flags a wall clock stepped by %d ms', async (stepMs) => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    bench.clock.stepWall(stepMs);
    await bench.clock.advance(20_000);
    expect(bench.flags().slice(1)).toEqual([0, RECORD_FLAG.CLOCK_STEPPED_BEFORE, 0]);
    expect(bench.spool.records).toHaveLength(4);
  });

  it('does not take drift for a step', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(0);
    bench.clock.stepWall(900);
    await bench.clock.advance(10_000);
    expect(bench.flags()[1]).toBe(0);
  });

  it('counts the ticks of a suspend, flags it, and does not make up for them', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    const bootMs = bench.clock.bootMs.bind(bench.clock);
    bench.clock.bootMs = () => bootMs() + 305_000;
    bench.clock.stepWall(305_000);
    await bench.clock.advance(10_000);
    expect(bench.flags()[2]).toBe(RECORD_FLAG.SUSPENDED_BEFORE);
    expect(bench.spool.records).toHaveLength(3);
    expect(bench.scheduler.counts()).toEqual({
      due: 33,
      taken: 3,
      missed: { overrun: 0, suspended: 30, no_storage: 0 },
    });
  });

  it('counts ticks during which the process stood still, and takes no burst', async () => {
    const bench = new Bench([countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    // The process is stopped: time runs, timers do not.
    const monoMs = bench.clock.monoMs.bind(bench.clock);
    const bootMs = bench.clock.bootMs.bind(bench.clock);
    bench.clock.monoMs = () => monoMs() + 300_000;
    bench.clock.bootMs = () => bootMs() + 300_000;
    bench.clock.stepWall(300_000);
    await bench.clock.advance(10_000);
    expect(bench.spool.records).toHaveLength(3);
    expect(bench.flags()[2]).toBe(0);
    expect(bench.scheduler.counts()).toEqual({
      due: 33,
      taken: 3,
      missed: { overrun: 30, suspended: 0, no_storage: 0 },
    });
    await bench.clock.advance(10_000);
    expect(bench.spool.records).toHaveLength(4);
    expect(bench.value(3, 'rollcall_agent_ticks_missed_total', 'overrun')).toBe(30);
  });

  it('lets a failing sampler fail alone, with the number of its last schema', async () => {
    const failing = failingSampler();
    const bench = new Bench([failing, countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(0);
    failing.error = new HostError('denied', 'read /proc/stat');
    await bench.clock.advance(20_000);
    failing.error = undefined;
    await bench.clock.advance(10_000);
    const number = bench.spool.blocks(0)[0]?.schemaNumber;
    expect(bench.spool.blocks(1)[0]).toEqual({
      kind: 'failed',
      schemaNumber: number,
      offsetMs: 0,
      code: SAMPLE_ERROR.NOT_PERMITTED,
    });
    expect(bench.spool.blocks(3)[0]).toMatchObject({ kind: 'values', schemaNumber: number });
    expect(bench.value(1, 'node_scrape_collector_success', 'stat')).toBe(0);
    expect(bench.value(1, 'node_load1')).toBe(2);
    expect(bench.messages).toEqual(['failing sampler stat', 'works again sampler stat']);
  });

  it('logs parts of a sampler that fail alone when they start, change and end', async () => {
    const broken = new Map([
      ['/a.prom', 'line 1'],
      ['/b.prom', 'line 2'],
    ]);
    const parts: Sampler = {
      name: 'textfile',
      metrics: ['node_load1'],
      sample(_host, readings) {
        readings.add('node_load1', 1);
        for (const [what, text] of broken) readings.complain(what, new AppError('READ_FAILED', text));
      },
    };
    const bench = new Bench([parts]);
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    broken.delete('/a.prom');
    broken.set('/b.prom', 'line 7');
    await bench.clock.advance(10_000);
    broken.clear();
    await bench.clock.advance(20_000);
    expect(bench.value(0, 'node_scrape_collector_success', 'textfile')).toBe(1);
    expect(bench.messages).toEqual([
      'failing sampler textfile: /a.prom',
      'failing sampler textfile: /b.prom',
      'works again sampler textfile: /a.prom',
      'failing sampler textfile: /b.prom',
      'works again sampler textfile: /b.prom',
    ]);
  });

  it('leaves out the block of a sampler that never succeeded', async () => {
    const failing = failingSampler();
    failing.error = new TypeError('a bug');
    const bench = new Bench([failing]);
    bench.scheduler.start();
    await bench.clock.advance(0);
    expect(bench.spool.blocks(0)).toHaveLength(1);
    expect(bench.value(0, 'node_scrape_collector_success', 'stat')).toBe(0);
  });

  it('gives up on a hanging sampler and does not start it again before it ends', async () => {
    const hanging = hangingSampler();
    const bench = new Bench([hanging, countingSampler()]);
    bench.scheduler.start();
    await bench.clock.advance(35_000);
    expect(hanging.runs).toBe(1);
    expect(bench.spool.records).toHaveLength(4);
    expect(bench.value(0, 'node_scrape_collector_success', 'filesystem')).toBe(0);
    expect(bench.value(0, 'node_scrape_collector_duration_seconds', 'filesystem')).toBe(5);
    expect(bench.value(3, 'node_scrape_collector_success', 'load')).toBe(1);
    hanging.release();
    await bench.clock.advance(10_000);
    expect(hanging.runs).toBe(2);
  });

  it('ends a tick before the next one is due at the shortest interval', async () => {
    const bench = new Bench([hangingSampler()], 1_000);
    bench.scheduler.start();
    await bench.clock.advance(4_900);
    expect(bench.spool.records).toHaveLength(5);
    expect(bench.scheduler.counts().missed.overrun).toBe(0);
  });

  it('counts ticks that the spool refuses and keeps their flags for the next record', async () => {
    const bench = new Bench([countingSampler()]);
    bench.spool.failure = new Error('disk gone');
    bench.scheduler.start();
    await bench.clock.advance(10_000);
    bench.spool.failure = undefined;
    await bench.clock.advance(10_000);
    expect(bench.flags()).toEqual([RECORD_FLAG.FIRST_AFTER_START]);
    expect(bench.scheduler.counts()).toEqual({
      due: 3,
      taken: 1,
      missed: { overrun: 0, suspended: 0, no_storage: 2 },
    });
    expect(bench.messages).toEqual(['failing spool', 'works again spool']);
  });

  it('flags records that are kept in memory only', async () => {
    const bench = new Bench([countingSampler()]);
    bench.spool.isDurable = false;
    bench.scheduler.start();
    await bench.clock.advance(0);
    expect(bench.flags()).toEqual([RECORD_FLAG.FIRST_AFTER_START | RECORD_FLAG.MEMORY_MODE]);
    expect(bench.value(0, 'rollcall_spool_durable')).toBe(0);
  });

  it.each([0, 999, 1_000.5, 3_600_001, Number.NaN])('refuses an interval of %d ms', (intervalMs) => {
    expect(() => new Bench([], intervalMs)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
  });

  it('tells once that a sampler finds nothing, and again when something was there meanwhile', async () => {
    const disks: string[] = [];
    const sampler: Sampler = {
      name: 'disk',
      metrics: ['node_disk_io_now'],
      sample: (_host, readings) => disks.forEach((disk) => readings.add('node_disk_io_now', 1, disk)),
    };
    const bench = new Bench([sampler]);
    const seriesTold = (): (number | undefined)[] =>
      bench.spool.records.map((_, i) => {
        const schemas = bench.spool
          .blocks(i)
          .map(({ schemaNumber }) => bench.spool.schemas[schemaNumber - 1]);
        return schemas.find((schema) => schema?.sampler === 'disk')?.seriesCount;
      });
    bench.scheduler.start();
    await bench.clock.advance(20_000);
    expect(seriesTold()).toEqual([0, undefined, undefined]);
    disks.push('sda');
    await bench.clock.advance(10_000);
    disks.pop();
    await bench.clock.advance(20_000);
    expect(seriesTold().slice(3)).toEqual([1, 0, undefined]);
    bench.spool.failure = new Error('disk full');
    await bench.clock.advance(10_000);
    bench.spool.failure = undefined;
    await bench.clock.advance(10_000);
    expect(seriesTold().slice(6)).toEqual([0]);
    await bench.scheduler.stop();
  });
});
