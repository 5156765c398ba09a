/** Chooses what reads a store that others keep. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { openInfluxV1Reader } from './influx-v1/read.ts';
import { openInfluxV2Reader } from './influx-v2/read.ts';
import { openPrometheusReader } from './prometheus/prometheus.ts';
import type { ExternalReader } from './storage.ts';
import type { StoreAccess } from './store-http.ts';

/** Where a store is and how the collector shows who it is there. Holds secrets; never printed. */
export type ReadStore =
  | {
      readonly kind: 'influx-v1';
      readonly url: string;
      readonly database: string;
      readonly retentionPolicy?: string | undefined;
      /** What answers there: VictoriaMetrics takes the lines of InfluxDB, and is asked in its own way. */
      readonly server: 'influxdb' | 'victoria-metrics';
      readonly username?: string | undefined;
      readonly password?: string | undefined;
    }
  | {
      readonly kind: 'influx-v2';
      readonly url: string;
      readonly org: string;
      readonly bucket: string;
      readonly server: 'influxdb' | 'victoria-metrics';
      readonly token?: string | undefined;
    }
  | {
      readonly kind: 'prometheus';
      readonly url: string;
      readonly tenant?: string | undefined;
      readonly bearerToken?: string | undefined;
      readonly username?: string | undefined;
      readonly password?: string | undefined;
    };

/** Connects to nothing yet. @throws AppError BAD_CONFIG when the address is no URL */
export function openExternalReader(store: ReadStore, ports: { readonly clock: Clock }): ExternalReader {
  const { url } = store;
  switch (store.kind) {
    case 'influx-v1': {
      const access = basic(store);
      if (store.server === 'victoria-metrics') return openPrometheusReader({ url, access }, ports);
      const { database, retentionPolicy } = store;
      return openInfluxV1Reader({ url, database, retentionPolicy, access }, ports);
    }
    case 'influx-v2': {
      const { org, bucket, token } = store;
      if (store.server === 'victoria-metrics')
        return openPrometheusReader({ url, access: bearer(token) }, ports);
      return openInfluxV2Reader({ url, org, bucket, token }, ports);
    }
    case 'prometheus': {
      const access = store.bearerToken === undefined ? basic(store) : bearer(store.bearerToken);
      return openPrometheusReader({ url, tenant: store.tenant, access }, ports);
    }
  }
}

function basic({
  username,
  password = '',
}: {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}): StoreAccess {
  return username === undefined ? { kind: 'none' } : { kind: 'basic', user: username, password };
}

function bearer(token: string | undefined): StoreAccess {
  return token === undefined ? { kind: 'none' } : { kind: 'bearer', token };
}
