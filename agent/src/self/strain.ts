/** Whether the machine is so busy that somebody may want to know what it was busy with. Pure. */
import type { Vitals } from '@rollcall/shared/protocol/handshake.ts';

/** 0 for none. The stock alerts begin at the second level or above, so what came before them is known too. */
export type StrainLevel = 0 | 1 | 2 | 3;

/** The level of a value is the number of bounds that it has reached. */
const CPU_BUSY_RATIO = [0.7, 0.9, 0.97] as const;
const MEMORY_USED_RATIO = [0.8, 0.9, 0.95] as const;
/** Waiting and running processes for each processor; on Linux those that wait for a disk count too. */
const LOAD_PER_CPU = [1, 2, 4] as const;

/**
 * The highest level of processor, memory and load; what is not known is no strain.
 * @param cpuCount processors of the machine, 1 or more
 */
export function strainOf(vitals: Vitals, cpuCount: number): StrainLevel {
  return higher(
    levelOf(vitals['cpuBusyRatio'], CPU_BUSY_RATIO),
    higher(
      levelOf(vitals['memoryUsedRatio'], MEMORY_USED_RATIO),
      levelOf(ratio(vitals['load1'], cpuCount), LOAD_PER_CPU),
    ),
  );
}

function ratio(value: string | number | undefined, by: number): number | undefined {
  return typeof value === 'number' ? value / by : undefined;
}

function levelOf(
  value: string | number | undefined,
  [first, second, third]: readonly [number, number, number],
): StrainLevel {
  if (typeof value !== 'number' || !(value >= first)) return 0;
  if (value < second) return 1;
  return value < third ? 2 : 3;
}

function higher(left: StrainLevel, right: StrainLevel): StrainLevel {
  return left > right ? left : right;
}
