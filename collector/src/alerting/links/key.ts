/** The key that signs what leaves the collector as a link. */
import type { Database } from '../../state/database.ts';

const KEY_BYTES = 32;
const NAME = 'links';

/** The key of this installation; made the first time. */
export function linkKey({ connection }: Database, randomBytes: (count: number) => Uint8Array): Uint8Array {
  connection
    .prepare('INSERT OR IGNORE INTO installation_keys (name, key) VALUES (?, ?)')
    .run(NAME, randomBytes(KEY_BYTES));
  const key = connection.prepare('SELECT key FROM installation_keys WHERE name = ?').get(NAME)?.['key'];
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return key;
  throw new TypeError('the key of links in state.db is damaged');
}
