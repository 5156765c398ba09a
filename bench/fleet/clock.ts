/** The clock of simulated machines: booted in 2004, so that a backlog of any length was taken within one boot. */
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';

const BOOTED_MS = 2 ** 40;

/** What the boot clock of a simulated machine shows at a time of its wall clock, UTC milliseconds. */
export function bootMsAt(wallMs: number): number {
  return Math.max(0, wallMs - BOOTED_MS);
}

export const machineClock: Clock = { ...systemClock, bootMs: () => bootMsAt(systemClock.wallMs()) };
