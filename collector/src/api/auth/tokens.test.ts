import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../state/database.ts';
import { openState } from '../../state/state.ts';
import { ACCESS_SCOPES, accessTokens, type AccessScope } from './tokens.ts';

let state: Database;
beforeEach(() => {
  state = openState(':memory:');
});
afterEach(() => state.close());

const open = () => accessTokens({ state, wallMs: () => 5, randomBytes });

describe('access tokens', () => {
  it('are valid until they are revoked, and only in full', () => {
    const tokens = open();
    const { token, id } = tokens.create('grafana', ['read']);
    const kindOf = (text: string) => tokens.judge(text, 'read').kind;
    expect(tokens.judge(token, 'read')).toEqual({ kind: 'granted', id });
    for (const wrong of [`${token}x`, token.slice(0, -1), '']) expect(kindOf(wrong)).toBe('unknown');
    expect(tokens.revoke(id)).toBe(true);
    expect(tokens.revoke(id)).toBe(false);
    expect(kindOf(token)).toBe('unknown');
  });

  const cases: readonly (readonly [given: readonly AccessScope[], granted: readonly AccessScope[]])[] = [
    [['read'], ['read']],
    [['write'], ['write']],
    [
      ['write', 'read'],
      ['read', 'write'],
    ],
    [['admin'], ['read', 'write', 'admin']],
    [[], []],
  ];
  it.each(cases)('for %j are good for %j', (given, granted) => {
    const tokens = open();
    const { token } = tokens.create('any', given);
    expect(ACCESS_SCOPES.filter((scope) => tokens.judge(token, scope).kind === 'granted')).toEqual(granted);
  });

  it('from before scopes keep what they could: read and push', () => {
    const tokens = open();
    const { token } = tokens.create('old', ['admin']);
    state.connection.exec(`ALTER TABLE access_tokens DROP COLUMN scopes`);
    state.connection.exec(`ALTER TABLE access_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read,write'`);
    const kinds = ACCESS_SCOPES.map((scope) => open().judge(token, scope).kind);
    expect(kinds).toEqual(['granted', 'granted', 'forbidden']);
  });

  it('are listed without their secret, names cleaned', () => {
    const tokens = open();
    const { token, id } = tokens.create('a\u001b[31m\u202eb', ['read']);
    expect(tokens.list()).toEqual([{ id, name: 'a[31mb', scopes: ['read'], createdMs: 5 }]);
    expect(JSON.stringify(state.connection.prepare('SELECT * FROM access_tokens').all())).not.toContain(
      token.slice(5),
    );
  });
});
