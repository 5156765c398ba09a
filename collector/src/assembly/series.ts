/** The series that the collector itself writes about its hosts. */
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { FleetSeries } from '../fleet/series.ts';
import type { Basics } from './basics.ts';
import type { DataDir } from './data-dir.ts';
import type { Fleet } from './fleet.ts';
import type { Stores } from './storage.ts';

/** What agents send at unless told otherwise; the collector's own series keep the same pace. */
export const AGENT_INTERVAL_MS = 10_000;

/** Begins to write `up` and the states of all hosts. */
export function startFleetSeries(
  { clock, log, metrics, onStop }: Basics,
  {
    dataDir: { journal },
    fleet,
    stores: { storage },
  }: { readonly dataDir: DataDir; readonly fleet: Fleet; readonly stores: Stores },
): void {
  const series = new FleetSeries({
    hosts: fleet.hosts,
    presence: fleet.presence,
    newestDataMs: (hostId) => fleet.vitals.newestDataMs(hostId),
    lostSamples: (hostId) => journal.lostSamples(hostId),
    clock,
    log,
    intervalMs: AGENT_INTERVAL_MS,
    append: (batch) => storage.append(batch),
    counted: (outcome) => metrics.increment('rollcall_fleet_series_rounds_total', { outcome }),
    yieldToLoop: nextTurn,
  });
  series.start();
  onStop(() => series.close());
}
