/** How far external stores are behind, for the collector's own metrics. */
import type { Feed } from './feed.ts';
import type { StoreStatus } from './store-feed.ts';

/** A value per store that is read when the metrics are. */
export interface FeedGauge {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly read: () => Readonly<Record<string, number>>;
}

export function feedGauges(feed: Feed, nowMs: () => number): readonly FeedGauge[] {
  const gauge = (name: string, help: string, read: (status: StoreStatus) => number): FeedGauge => ({
    name: `rollcall_feed_${name}`,
    help,
    label: 'store',
    read: () => Object.fromEntries(feed.stores().map((status) => [status.name, read(status)])),
  });
  return [
    gauge('is_ok', '1 while the store takes samples, 0 while it is away or refuses us.', ({ state }) =>
      state === 'ok' ? 1 : 0,
    ),
    gauge(
      'waiting_records',
      'Records of the journal that the store has not confirmed yet.',
      ({ waitingRecords }) => waitingRecords,
    ),
    gauge('waiting_bytes', 'About how many bytes those records have.', (status) => feed.waitingBytes(status)),
    gauge('lag_seconds', 'Age of the oldest record that waits, 0 when none does.', ({ oldestWaitingMs }) =>
      oldestWaitingMs === null ? 0 : Math.max(0, (nowMs() - oldestWaitingMs) / 1_000),
    ),
  ];
}
