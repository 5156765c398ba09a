/** What a machine with very many parts costs, and what is told of it. */
import { expect, it } from 'vitest';
import { diskSampler } from '../agent/src/samplers/disk/disk.linux.ts';
import { filesystemSampler } from '../agent/src/samplers/filesystem/filesystem.linux.ts';
import { linkSampler } from '../agent/src/samplers/link/link.linux.ts';
import { networkSampler } from '../agent/src/samplers/network/network.linux.ts';
import { SERIES_PER_SAMPLER } from '../agent/src/samplers/readings.ts';
import { TickTaker, type Tick } from '../agent/src/scheduler/tick.ts';
import { systemClock } from '../shared/src/lib/clock.ts';
import { LIMITS } from '../shared/src/protocol/limits.ts';
import { BIG_HOST, BigHost } from './big-host.ts';

const TICKS = 5;
/** Processor time; a tenth of it is common. */
const US_PER_SERIES_MAX = 20;

function seriesOf(tick: Tick, sampler: string): number[] {
  const result = tick.results.find((each) => each.sampler === sampler);
  return result?.kind === 'values' ? result.parts.map(({ schema }) => schema.seriesCount) : [];
}

it('stays within its budget per series, and within the limits of the wire, on a very large machine', async () => {
  const host = new BigHost(BIG_HOST);
  const samplers = [
    diskSampler,
    networkSampler,
    linkSampler(systemClock),
    filesystemSampler({ clock: systemClock, mountTimeoutMs: 1_000 }),
  ];
  const ticks = new TickTaker({ clock: systemClock, host, samplers, intervalMs: 10_000 });
  let tick = await ticks.takeTick();
  const before = process.threadCpuUsage();
  for (let i = 0; i < TICKS; i++) {
    host.nextTick();
    tick = await ticks.takeTick();
  }
  const used = process.threadCpuUsage(before);
  const usPerTick = (used.user + used.system) / TICKS;
  // 17 of each of 200 disks and 7 of each of 500 mounts are more than a sampler may have.
  expect(seriesOf(tick, 'disk')).toEqual([
    LIMITS.seriesPerSchema,
    SERIES_PER_SAMPLER - LIMITS.seriesPerSchema,
  ]);
  expect(seriesOf(tick, 'filesystem')).toEqual([
    LIMITS.seriesPerSchema,
    SERIES_PER_SAMPLER - LIMITS.seriesPerSchema,
  ]);
  const network = [...seriesOf(tick, 'network'), ...seriesOf(tick, 'link')].reduce(
    (sum, count) => sum + count,
    0,
  );
  expect(network).toBeGreaterThan(2_000);
  const all = tick.results
    .flatMap((result) => seriesOf(tick, result.sampler))
    .reduce((sum, count) => sum + count, 0);
  expect(all).toBeLessThan(LIMITS.seriesPerAgent);
  expect(usPerTick / all).toBeLessThan(US_PER_SERIES_MAX);
});

it('counts what it leaves out', async () => {
  const host = new BigHost(BIG_HOST);
  const samplers = [diskSampler, networkSampler];
  const tick = await new TickTaker({ clock: systemClock, host, samplers, intervalMs: 10_000 }).takeTick();
  const own = tick.results.at(-1);
  const dropped = own?.kind === 'values' ? own.parts.flatMap(({ schema }) => schema.metrics) : [];
  const series = dropped.find(({ name }) => name === 'rollcall_agent_samples_dropped_total')?.series;
  expect(series).toEqual([
    ['disk', 'limit'],
    ['network', 'limit'],
  ]);
});
