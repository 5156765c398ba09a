import { expect, it } from 'vitest';
import { availabilityOf, unusedVersions } from './availability.ts';
import { METRICS, type MetricName } from './metrics.ts';

it.each([
  ['node_load1', ['Linux'], undefined],
  ['node_time_seconds', ['Linux', 'macOS', 'Windows'], undefined],
  ['rollcall_spool_bytes', ['Linux', 'macOS', 'Windows'], undefined],
  ['node_pressure_irq_stalled_seconds_total', ['Linux'], 'Linux 6.1'],
  ['node_pressure_io_waiting_seconds_total', ['Linux'], 'Linux 4.20'],
  ['up', [], undefined],
] as const satisfies readonly (readonly [MetricName, readonly string[], string | undefined])[])(
  'tells where %s exists',
  (name, systems, since) => {
    expect(availabilityOf(name)).toEqual({ systems, since });
  },
);

it('names no version for a metric that does not exist', () => {
  expect(unusedVersions(Object.keys(METRICS))).toEqual([]);
});
