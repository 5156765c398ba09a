import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOKEN_PATTERN } from '@rollcall/shared/protocol/enroll.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { openState } from '../state/state.ts';
import { EnrolmentTokens } from './tokens.ts';

function setUp() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  return { clock, database, tokens: new EnrolmentTokens({ database, clock, randomBytes }) };
}

describe('EnrolmentTokens', () => {
  it('makes tokens of the documented form, good for one hour and one use', async () => {
    const { tokens, clock } = setUp();
    const { token, summary } = tokens.create({ creator: 'ada\u001b[31m' });
    expect(token.reveal()).toMatch(TOKEN_PATTERN);
    expect(summary).toMatchObject({ creator: 'ada[31m', usesMax: 1, uses: 0, revokedMs: null });
    expect(tokens.verify(token.reveal())).toBe(summary.id);
    expect([tokens.takeUse(summary.id), tokens.takeUse(summary.id)]).toEqual([true, false]);
    await clock.advance(3_600_000);
    expect(tokens.verify(token.reveal())).toBeUndefined();
  });

  it('stores and lists no secret', () => {
    const { tokens, database } = setUp();
    const secret = tokens.create({ creator: 'ada' }).token.reveal().slice(22, 65);
    const rows = database.connection.prepare('SELECT * FROM enrolment_tokens').all();
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(tokens.list())).not.toContain(secret);
    expect(tokens.list()).toHaveLength(1);
  });

  it('refuses what is wrong in any one character', () => {
    const { tokens } = setUp();
    const text = tokens.create({ creator: 'ada' }).token.reveal();
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A';
      expect(tokens.verify(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
    }
    for (const hostile of ['', 'rce1_', `${text} `, text.repeat(2), 'x'.repeat(1e5)]) {
      expect(tokens.verify(hostile)).toBeUndefined();
    }
  });

  it('refuses the secret of one token under the id of another', () => {
    const { tokens } = setUp();
    const first = tokens.create({ creator: 'ada' }).token.reveal();
    const second = tokens.create({ creator: 'ada' }).token.reveal();
    expect(tokens.verify(first.slice(0, 22) + second.slice(22))).toBeUndefined();
  });

  it('ends a token when it is revoked', () => {
    const { tokens } = setUp();
    const { token, summary } = tokens.create({ creator: 'ada', usesMax: 5 });
    expect(tokens.revoke(summary.id)).toBe(true);
    expect(tokens.verify(token.reveal())).toBeUndefined();
    expect(tokens.revoke('no such id')).toBe(false);
  });

  it.each([
    { lifetimeMs: 999 },
    { lifetimeMs: 90 * 86_400_000 + 1 },
    { lifetimeMs: Number.NaN },
    { usesMax: 0 },
    { usesMax: 1.5 },
    { usesMax: 1e9 },
  ])('refuses to make %j', (options) => {
    expect(() => setUp().tokens.create({ creator: 'ada', ...options })).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST' }),
    );
  });

  it('accepts a token that another process made in the same database', () => {
    using dir = tempDir();
    const path = join(dir.path, 'state.db');
    const clock = new FakeClock();
    const [ours, theirs] = [openState(path), openState(path)];
    const { token, summary } = new EnrolmentTokens({ database: theirs, clock, randomBytes }).create({
      creator: 'cli',
    });
    const tokens = new EnrolmentTokens({ database: ours, clock, randomBytes });
    expect(tokens.verify(token.reveal())).toBe(summary.id);
    ours.close();
    theirs.close();
  });
});
