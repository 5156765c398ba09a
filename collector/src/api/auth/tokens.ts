/** Access tokens for programs and people: created on the command line, shown once, stored as a hash. */
import { createHash } from 'node:crypto';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { Database } from '../../state/database.ts';

/** Prefix of every access token, so that leaked ones can be scanned for. */
export const ACCESS_TOKEN_PREFIX = 'rca1_';
const SECRET_BYTES = 32;
const ID_BYTES = 6;
const TOKENS_MAX = 1_000;
const NAME_LENGTH_MAX = 64;

/** What a token may be used for. `write` is remote write alone; `admin` is everything. */
export const ACCESS_SCOPES = ['read', 'write', 'admin'] as const;
export type AccessScope = (typeof ACCESS_SCOPES)[number];

/** What the guard learns of a token. */
export type TokenVerdict =
  | { readonly kind: 'granted'; readonly id: string }
  /** A valid token, but not for this. */
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'unknown' };

export interface AccessToken {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly AccessScope[];
  readonly createdMs: number;
}

export interface AccessTokens {
  /**
   * A new token; the text is returned this once.
   * @throws AppError LIMIT_EXCEEDED
   */
  create(name: string, scopes: readonly AccessScope[]): { readonly token: string; readonly id: string };
  /** All tokens, oldest first, without their secrets. */
  list(): readonly AccessToken[];
  /** The name that a token was given, `null` when there is none with this id. */
  nameOf(id: string): string | null;
  /** Whether there was one with this id. */
  revoke(id: string): boolean;
  /** Whether `text` is a token for `scope`. The time it takes does not depend on how much of it is right. */
  judge(text: string, scope: AccessScope): TokenVerdict;
}

export function accessTokens(options: {
  readonly state: Database;
  readonly wallMs: () => number;
  readonly randomBytes: (count: number) => Buffer;
}): AccessTokens {
  const { connection } = options.state;
  const insert = connection.prepare(
    'INSERT INTO access_tokens (id, name, secret_hash, created_ms, scopes) VALUES (?, ?, ?, ?, ?)',
  );
  const count = connection.prepare('SELECT count(*) AS count FROM access_tokens');
  const all = connection.prepare(
    'SELECT id, name, created_ms, scopes FROM access_tokens ORDER BY created_ms, id',
  );
  const named = connection.prepare('SELECT name FROM access_tokens WHERE id = ?');
  const remove = connection.prepare('DELETE FROM access_tokens WHERE id = ?');
  // Looking the hash of a 256-bit secret up tells nothing about the secret, whatever the index does.
  const find = connection.prepare('SELECT id, scopes FROM access_tokens WHERE secret_hash = ?');
  return {
    create(name, scopes) {
      if (Number(count.get()?.['count']) >= TOKENS_MAX) {
        throw new AppError(
          'LIMIT_EXCEEDED',
          `there are ${TOKENS_MAX} access tokens already: revoke one first`,
        );
      }
      const id = options.randomBytes(ID_BYTES).toString('hex');
      const token = ACCESS_TOKEN_PREFIX + options.randomBytes(SECRET_BYTES).toString('base64url');
      insert.run(id, cleanText(name, NAME_LENGTH_MAX), hashOf(token), options.wallMs(), scopes.join());
      return { token, id };
    },
    list: () =>
      all.all().map((row) => ({
        id: String(row['id']),
        name: String(row['name']),
        scopes: scopesOf(row['scopes']),
        createdMs: Number(row['created_ms']),
      })),
    nameOf(id) {
      const name = named.get(id)?.['name'];
      return typeof name === 'string' ? name : null;
    },
    revoke: (id) => remove.run(id).changes === 1,
    judge(text, scope) {
      const row = text.startsWith(ACCESS_TOKEN_PREFIX) ? find.get(hashOf(text)) : undefined;
      if (row === undefined) return { kind: 'unknown' };
      const scopes = scopesOf(row['scopes']);
      const isGranted = scopes.includes(scope) || scopes.includes('admin');
      return isGranted ? { kind: 'granted', id: String(row['id']) } : { kind: 'forbidden' };
    },
  };
}

/** Scopes of a newer version are left out. */
function scopesOf(text: unknown): readonly AccessScope[] {
  const names = String(text).split(',');
  return ACCESS_SCOPES.filter((scope) => names.includes(scope));
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
