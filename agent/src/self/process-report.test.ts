import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { AgentEvent } from '@rollcall/shared/protocol/event.ts';
import type { Vitals } from '@rollcall/shared/protocol/handshake.ts';
import type { DatedSnapshot } from '../samplers/processes/watch.ts';
import { ProcessReport, TOLD_AT_ONCE, TOLD_LATER_EVERY, type VitalsSource } from './process-report.ts';
import { strainOf } from './strain.ts';

function sourceOf(vitals: Omit<Vitals, 'timeMs'> = {}): VitalsSource {
  const busy = vitals['cpuBusyRatio'];
  return {
    cpuBusyRatio: typeof busy === 'number' ? busy : undefined,
    current: () => ({ ...vitals, timeMs: 1 }),
  };
}

function open() {
  const told: AgentEvent[] = [];
  let snapshots: readonly DatedSnapshot[] = [];
  let isBroken = false;
  const report = new ProcessReport({
    snapshots: () => snapshots,
    cpuCount: 4,
    append: (event) => {
      if (isBroken) throw new AppError('DATA_DIR_UNUSABLE', 'append');
      told.push(event);
    },
  });
  let minute = 0;
  return {
    told,
    /** Six ticks of one minute, with a new snapshot in the last one. */
    minute: (...vitals: readonly Omit<Vitals, 'timeMs'>[]): void => {
      for (let i = 0; i < 5; i++) report.afterTick(sourceOf(vitals[i % vitals.length]));
      snapshots = [{ atMs: minute++, spanMs: 60_000, programs: [] }];
      report.afterTick(sourceOf(vitals[5 % vitals.length]));
    },
    report,
    break: () => void (isBroken = true),
  };
}

describe('ProcessReport', () => {
  it('tells nothing of a machine that is not under strain', () => {
    const { told, minute, report } = open();
    report.afterTick({ cpuBusyRatio: undefined, current: () => null });
    for (let i = 0; i < 100; i++) minute({ cpuBusyRatio: 0.69, memoryUsedRatio: 0.79, load1: 3.9 });
    minute({});
    expect(told).toEqual([]);
  });

  it('tells each minute when strain begins, and seldom when it stays', () => {
    const { told, minute } = open();
    for (let i = 0; i < TOLD_AT_ONCE; i++) minute({ memoryUsedRatio: 0.85 });
    expect(told).toHaveLength(TOLD_AT_ONCE);
    for (let i = 0; i < 100; i++) minute({ memoryUsedRatio: 0.85 });
    expect(told).toHaveLength(TOLD_AT_ONCE + 100 / TOLD_LATER_EVERY);
    minute({ memoryUsedRatio: 0.92 });
    minute({ memoryUsedRatio: 0.92 });
    expect(told).toHaveLength(TOLD_AT_ONCE + 100 / TOLD_LATER_EVERY + 2);
    expect(told[0]).toEqual({ kind: 'processes', spanMs: 60_000, programs: [] });
  });

  it('takes the mean of the minute for the processor: a second of work is no strain', () => {
    const { told, minute } = open();
    minute({ cpuBusyRatio: 1 }, { cpuBusyRatio: 0.1 }, { cpuBusyRatio: 0.1 });
    expect(told).toEqual([]);
    minute({ cpuBusyRatio: 0.9 }, { cpuBusyRatio: 0.6 });
    expect(told).toHaveLength(1);
  });

  it('goes on when the spool takes nothing', () => {
    const { told, minute, break: breakSpool } = open();
    breakSpool();
    expect(() => minute({ load1: 100 })).not.toThrow();
    expect(told).toEqual([]);
  });
});

it.each([
  [{}, 0],
  [{ cpuBusyRatio: 0.7 }, 1],
  [{ cpuBusyRatio: 0.97 }, 3],
  [{ memoryUsedRatio: 0.9, cpuBusyRatio: 0.7 }, 2],
  [{ load1: 4 }, 1],
  [{ load1: 16 }, 3],
  [{ load1: Number.NaN, memoryUsedRatio: 'x' }, 0],
] as const)('the strain of %o is %i', (vitals, level) => {
  expect(strainOf({ timeMs: 1, ...vitals }, 4)).toBe(level);
});
