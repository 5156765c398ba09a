/** What of systemd's units is told. */
import type { SystemUnit } from '../../host/system-bus.ts';

/** States of a unit in the order in which they are told; others, such as `reloading`, count as none of them. */
export const UNIT_STATES = ['activating', 'active', 'deactivating', 'failed', 'inactive'] as const;

/** node_exporter's default: the kernel and mounts make these by the hundred. */
const NAME_EXCLUDED = /.\.(automount|device|mount|scope|slice)$/;

export interface UnitsTold {
  /** Units whose state is told one by one. */
  readonly units: readonly SystemUnit[];
  /** How many of all units are in each of UNIT_STATES. */
  readonly counts: readonly number[];
}

/** Leaves out units that are only mentioned by others, and those of NAME_EXCLUDED from the list. */
export function selectUnits(units: readonly SystemUnit[]): UnitsTold {
  const states = units.map(({ activeState }) => activeState);
  return {
    units: units.filter(({ name, loadState }) => loadState === 'loaded' && !NAME_EXCLUDED.test(name)),
    counts: UNIT_STATES.map((state) => states.filter((each) => each === state).length),
  };
}
