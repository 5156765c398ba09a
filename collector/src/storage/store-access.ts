/** How the collector shows a store who it is, by its settings. */
import type { PlainStore } from './store-config.ts';
import type { StoreAccess } from './store-http.ts';

/** A token where there is one, else the user and the password, else nothing. */
export function accessOf(store: PlainStore): StoreAccess {
  const token = store.kind === 'influx-v2' ? store.token : undefined;
  const bearer = store.kind === 'prometheus' ? store.bearerToken : token;
  if (bearer !== undefined) return { kind: 'bearer', token: bearer };
  if (store.kind === 'influx-v2' || store.username === undefined) return { kind: 'none' };
  return { kind: 'basic', user: store.username, password: store.password ?? '' };
}
