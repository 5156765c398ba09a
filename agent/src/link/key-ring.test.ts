import { describe, expect, it } from 'vitest';
import { fingerprint, generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import {
  hasUntried,
  initialSigning,
  KEY_AGE_MS_MAX,
  KEY_AGE_SPREAD_MS,
  ringOf,
  signerOf,
  stepKeys,
  wantsNext,
} from './key-ring.ts';

const [a, b, c] = [generateIdentity(), generateIdentity(), generateIdentity()];
const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;

describe('a key', () => {
  it.each([
    ['of an unknown age', null, false],
    ['that is new', NOW_MS, false],
    ['a moment before the earliest time', NOW_MS - KEY_AGE_MS_MAX + KEY_AGE_SPREAD_MS + 1, false],
    ['of 30 days', NOW_MS - KEY_AGE_MS_MAX, true],
    ['that was asked to go', 0, true],
    ['from an hour ahead, as after a small step of the clock', NOW_MS + 3_600_000, false],
    ['from two days ahead', NOW_MS + 2 * DAY_MS, false],
  ])('%s is due: %s %s', (_what, sinceMs, isDue) => {
    expect(wantsNext({ ...ringOf(a), sinceMs }, NOW_MS)).toBe(isDue);
  });

  it('is due at another time than those of other hosts', () => {
    const atMs = NOW_MS - KEY_AGE_MS_MAX + KEY_AGE_SPREAD_MS / 2;
    const due = Array.from({ length: 50 }, () =>
      wantsNext({ ...ringOf(generateIdentity()), sinceMs: atMs }, NOW_MS),
    );
    expect(new Set(due)).toEqual(new Set([true, false]));
  });

  it('begins to age anew when it seems to come from the future, because a clock was wrong', () => {
    const ring = { ...ringOf(a), sinceMs: NOW_MS + 2 * DAY_MS };
    const seen = stepKeys(initialSigning(ring), { kind: 'welcome', wallMs: NOW_MS });
    expect(seen.ring.sinceMs).toBe(NOW_MS);
  });

  it('begins to age with the first WELCOME', () => {
    const first = stepKeys(initialSigning(ringOf(a)), { kind: 'welcome', wallMs: 5 });
    const second = stepKeys(first, { kind: 'welcome', wallMs: 9 });
    expect([first.ring.sinceMs, second.ring]).toEqual([5, first.ring]);
  });
});

describe('a change of key', () => {
  const due = stepKeys(initialSigning({ ...ringOf(a), sinceMs: 1 }), { kind: 'due', fresh: b });
  const stored = stepKeys(due, { kind: 'stored', fingerprint: fingerprint(b.publicKey) });

  it('keeps the key that it offers, whatever is due meanwhile', () => {
    expect(stepKeys(due, { kind: 'due', fresh: c }).ring.next).toBe(b);
    expect(signerOf(due)).toBe(a);
  });

  it('signs with the next key when the collector has stored that one, and no other', () => {
    expect(signerOf(stored)).toBe(b);
    expect(signerOf(stepKeys(due, { kind: 'stored', fingerprint: fingerprint(c.publicKey) }))).toBe(a);
  });

  it('ends with a WELCOME for the next key; the one before is remembered', () => {
    const { ring, signer } = stepKeys(stored, { kind: 'welcome', wallMs: 7 });
    expect({ ring, signer }).toEqual({
      ring: { current: b, sinceMs: 7, next: null, previous: a },
      signer: 'current',
    });
  });

  it('begins anew with the same key when the collector only knows the one before', () => {
    const changed = stepKeys(stored, { kind: 'welcome', wallMs: 7 });
    const refused = stepKeys(changed, { kind: 'refused' });
    expect(signerOf(refused)).toBe(a);
    expect(stepKeys(refused, { kind: 'welcome', wallMs: 8 }).ring).toEqual({
      current: a,
      sinceMs: 8,
      next: b,
      previous: null,
    });
  });

  it.each([
    ['while the next one waited', { sinceMs: 1, isAskedAgain: true }],
    ['and the current one is due', { sinceMs: 0 }],
  ])('that was asked for %s is still due when the collector only knows the one before', (_when, asked) => {
    let signing = initialSigning({ current: a, next: null, previous: b, ...asked });
    signing = stepKeys(stepKeys(signing, { kind: 'refused' }), { kind: 'welcome', wallMs: 8 });
    expect(signing.ring).toMatchObject({ current: b, next: a });
    signing = stepKeys(signing, { kind: 'stored', fingerprint: fingerprint(a.publicKey) });
    signing = stepKeys(signing, { kind: 'welcome', wallMs: 9 });
    expect([signing.ring.current, signing.ring.sinceMs]).toEqual([a, 0]);
  });

  it('tries each key when it is refused, and goes on with that; there is nothing new to try after the first round', () => {
    let signing = initialSigning({ current: a, sinceMs: 1, next: b, previous: c });
    const tried = [];
    for (let i = 0; i < 6; i++) {
      tried.push(signerOf(signing));
      signing = stepKeys(signing, { kind: 'refused' });
      tried.push(hasUntried(signing));
    }
    expect(tried).toEqual([a, true, b, true, c, false, a, false, b, false, c, false]);
  });

  it('has nothing else to try with one key', () => {
    const refused = stepKeys(initialSigning(ringOf(a)), { kind: 'refused' });
    expect([signerOf(refused), hasUntried(refused)]).toEqual([a, false]);
  });
});
