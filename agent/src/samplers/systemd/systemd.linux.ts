/**
 * States of systemd's units, asked over the system bus once a minute where systemd runs: /run/systemd/system is there. In
 * between they stay as they were.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { listSystemUnits, type SystemUnit } from '../../host/system-bus.ts';
import type { Readings } from '../readings.ts';
import { REMEMBER_MS } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { selectUnits, UNIT_STATES, type UnitsTold } from './systemd.ts';

const BOOTED_WITH_SYSTEMD = '/run/systemd/system';

/** @param listUnits asks systemd */
export function systemdSampler(
  clock: Clock,
  listUnits: (signal: AbortSignal) => Promise<readonly SystemUnit[]> = listSystemUnits,
): Sampler {
  let answer: UnitsTold | Error | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return {
    name: 'systemd',
    metrics: ['node_systemd_unit_state', 'node_systemd_units'],
    sample(host, readings, signal) {
      if (!host.has(BOOTED_WITH_SYSTEMD)) return undefined;
      const nowMs = clock.monoMs();
      if (answer !== undefined && nowMs - askedAtMs < REMEMBER_MS) {
        // A bus that does not talk to us is not worth a connection in each tick either.
        if (answer instanceof Error) throw answer;
        addUnits(readings, answer);
        return undefined;
      }
      askedAtMs = nowMs;
      return listUnits(signal).then(
        (units) => {
          answer = selectUnits(units);
          addUnits(readings, answer);
        },
        (error: unknown) => {
          answer = error instanceof Error ? error : new Error(String(error));
          throw answer;
        },
      );
    },
  };
}

function addUnits(readings: Readings, { units, counts }: UnitsTold): void {
  UNIT_STATES.forEach((state, i) => readings.add('node_systemd_units', counts[i] ?? 0, state));
  for (const { name, activeState } of units) {
    for (const state of UNIT_STATES) {
      readings.add('node_systemd_unit_state', activeState === state ? 1 : 0, name, state);
    }
  }
}
