/** Prepares a store outside of the collector for its samples. */
import { prepareInfluxV1 } from './influx-v1/prepare.ts';
import { prepareInfluxV2 } from './influx-v2/prepare.ts';
import type { PreparationOptions, PreparationStep } from './preparation.ts';
import type { PlainStore } from './store-config.ts';

/**
 * Creates what is missing, changes nothing that is there.
 * @throws AppError STORAGE_UNAVAILABLE, STORE_REFUSED
 */
export function prepareStore(
  store: PlainStore,
  options: PreparationOptions,
): Promise<readonly PreparationStep[]> {
  if (store.kind === 'prometheus' || store.server === 'victoria-metrics') {
    const text = 'nothing to create: retention and down-sampling are settings of that server';
    return Promise.resolve([{ what: `server at ${store.url}`, outcome: 'note', text }]);
  }
  if (store.kind === 'influx-v2') return prepareInfluxV2(store, options);
  const { url, database, retentionPolicy, username, password } = store;
  const auth = username === undefined ? undefined : `${username}:${password ?? ''}`;
  return prepareInfluxV1({ url, database, retentionPolicy, auth }, options);
}
