/** A store with the HTTP API of Prometheus: Prometheus itself, VictoriaMetrics, Mimir, Thanos. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Sink } from '../sink.ts';
import type { ExternalReader } from '../storage.ts';
import { createStoreHttp, type StoreAccess } from '../store-http.ts';
import { PrometheusReader } from './reader.ts';
import { PrometheusSink } from './sink.ts';

export interface PrometheusSettings {
  /** Of the query API, without `/api/v1/…`: `http://prometheus:9090`, `http://vmselect:8481/select/0/prometheus`. */
  readonly url: string;
  /** All of the address of remote write, where it is not `/api/v1/write` below `url`. */
  readonly writeUrl?: string;
  /** Sent as `X-Scope-OrgID`, by which Mimir and others tell their customers apart. */
  readonly tenant?: string | undefined;
  readonly access?: StoreAccess;
}

/** @throws AppError BAD_CONFIG when an address is no URL */
export function openPrometheusReader(
  settings: PrometheusSettings,
  { clock }: { readonly clock: Clock },
): ExternalReader {
  return new PrometheusReader({ http: createStoreHttp(addressOf(settings, settings.url), { clock }) });
}

/** @throws AppError BAD_CONFIG when an address is no URL */
export function openPrometheusSink(settings: PrometheusSettings, { clock }: { readonly clock: Clock }): Sink {
  const queryHttp = createStoreHttp(addressOf(settings, settings.url), { clock });
  const reader = new PrometheusReader({ http: queryHttp });
  const { writeUrl } = settings;
  if (writeUrl === undefined) return new PrometheusSink({ http: queryHttp, queryHttp, reader, clock });
  const http = createStoreHttp(addressOf(settings, writeUrl), { clock });
  return new PrometheusSink({ http, writePath: '', queryHttp, reader, clock });
}

function addressOf({ tenant, access }: PrometheusSettings, url: string) {
  const headers = tenant === undefined ? {} : { 'x-scope-orgid': tenant };
  return { url, headers, ...(access === undefined ? {} : { access }) };
}
