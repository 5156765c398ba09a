/** Chooses what writes to a store outside of the collector, and what reads the journal for it. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { createSliceReader, type SliceReaderOptions } from './embedded/reads/slices.ts';
import { createInfluxV1Sink } from './influx-v1/influx-v1.ts';
import { createInfluxV2Sink } from './influx-v2/influx-v2.ts';
import { openPrometheusSink } from './prometheus/prometheus.ts';
import type { Sink } from './sink.ts';
import type { SliceReader } from './slice.ts';
import { accessOf } from './store-access.ts';
import type { PlainStore } from './store-config.ts';

/** Connects to nothing yet. */
export function openSink(store: PlainStore, ports: { readonly clock: Clock }): Sink {
  switch (store.kind) {
    case 'influx-v1': {
      const { username, password } = store;
      const auth = username === undefined ? undefined : `${username}:${password ?? ''}`;
      return createInfluxV1Sink({ ...store, auth, ...ports });
    }
    case 'influx-v2':
      return createInfluxV2Sink({ ...store, ...ports });
    case 'prometheus':
      return openPrometheusSink({ ...store, access: accessOf(store) }, ports);
  }
}

/** What the embedded journal holds, for a feed. */
export function openSliceReader(options: SliceReaderOptions): SliceReader {
  return createSliceReader(options);
}
