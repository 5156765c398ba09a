/** Chooses what reads a store that others keep. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { openInfluxV1Reader } from './influx-v1/read.ts';
import { openInfluxV2Reader } from './influx-v2/read.ts';
import { openPrometheusReader } from './prometheus/prometheus.ts';
import { SplitReader, splitStorage } from './split/split.ts';
import type { ExternalReader, FollowingReader, Storage, StorageReader } from './storage.ts';
import { accessOf } from './store-access.ts';
import type { PlainStore } from './store-config.ts';

/** Connects to nothing yet. @throws AppError BAD_CONFIG when the address is no URL */
export function openExternalReader(store: PlainStore, ports: { readonly clock: Clock }): ExternalReader {
  const { url } = store;
  const access = accessOf(store);
  switch (store.kind) {
    case 'influx-v1': {
      if (store.server === 'victoria-metrics') return openPrometheusReader({ url, access }, ports);
      const { database, retentionPolicy } = store;
      return openInfluxV1Reader({ url, database, retentionPolicy, access }, ports);
    }
    case 'influx-v2': {
      const { org, bucket, token } = store;
      if (store.server === 'victoria-metrics') return openPrometheusReader({ url, access }, ports);
      return openInfluxV2Reader({ url, org, bucket, token }, ports);
    }
    case 'prometheus': {
      return openPrometheusReader({ url, tenant: store.tenant, access }, ports);
    }
  }
}

/** A store that others keep, and how it is read together with the collector's own. */
export interface ReadElsewhere {
  readonly store: PlainStore;
  /** How far back the collector's own store answers alone, in milliseconds. */
  readonly recentMs: number;
}

/** The storage of the collector, read elsewhere when `elsewhere` says so. Closing it closes both. */
export function readElsewhere(
  own: Storage,
  elsewhere: ReadElsewhere | undefined,
  ports: { readonly clock: Clock },
): Storage {
  if (elsewhere === undefined) return own;
  const store = openExternalReader(elsewhere.store, ports);
  return splitStorage(own, { store, recentMs: elsewhere.recentMs, ...ports });
}

/** The same for a thread that only reads, and that ends without closing anything. */
export function followElsewhere(
  own: FollowingReader,
  elsewhere: ReadElsewhere | undefined,
  ports: { readonly clock: Clock },
): StorageReader {
  if (elsewhere === undefined) return own;
  const store = openExternalReader(elsewhere.store, ports);
  return new SplitReader({ own, store, recentMs: elsewhere.recentMs, ...ports });
}
