import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../state/database.ts';
import { openState } from '../../state/state.ts';
import { accessTokens } from './tokens.ts';

let state: Database;
beforeEach(() => {
  state = openState(':memory:');
});
afterEach(() => state.close());

const open = () => accessTokens({ state, wallMs: () => 5, randomBytes });

describe('access tokens', () => {
  it('are valid until they are revoked, and only in full', () => {
    const tokens = open();
    const { token, id } = tokens.create('grafana');
    expect(tokens.isValid(token)).toBe(true);
    expect(tokens.idOf(token)).toBe(id);
    expect(tokens.idOf(`${token}x`)).toBeUndefined();
    expect(tokens.isValid(token.slice(0, -1))).toBe(false);
    expect(tokens.isValid('')).toBe(false);
    expect(tokens.revoke(id)).toBe(true);
    expect(tokens.revoke(id)).toBe(false);
    expect(tokens.isValid(token)).toBe(false);
  });

  it('are listed without their secret, names cleaned', () => {
    const tokens = open();
    const { token, id } = tokens.create('a\u001b[31m\u202eb');
    expect(tokens.list()).toEqual([{ id, name: 'a[31mb', createdMs: 5 }]);
    expect(JSON.stringify(state.connection.prepare('SELECT * FROM access_tokens').all())).not.toContain(
      token.slice(5),
    );
  });
});
