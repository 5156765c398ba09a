import { describe, expect, it } from 'vitest';
import { fingerprint, generateIdentity, importIdentity } from '@rollcall/shared/protocol/identity.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { initialSigning, ringOf, stepKeys, type KeyRing } from '../link/key-ring.ts';
import { askForNewKey, readKeyRing, readRequest, writeKeyRing } from './key-file.ts';
import { PrivateDir } from './private-dir.ts';

const [a, b, c] = [generateIdentity(), generateIdentity(), generateIdentity()];

/** What of a ring can be compared. */
function shown(ring: KeyRing | undefined): unknown {
  if (ring === undefined) return undefined;
  const { current, sinceMs, next, previous } = ring;
  return [current, next, previous].map((keys) => keys?.publicKey.toString('hex')).concat(String(sinceMs));
}

describe('agent.key', () => {
  it.each([
    ['one key', ringOf(a)],
    ['a key with its age', { ...ringOf(a), sinceMs: 1_790_000_000_123 }],
    ['a key and the next', { ...ringOf(a), next: b }],
    ['a key and the one before', { ...ringOf(a), previous: c }],
    ['everything', { current: a, sinceMs: 7, next: b, previous: c }],
  ])('keeps %s', (_what, ring) => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    writeKeyRing(dir, ring, readRequest(dir));
    expect(shown(readKeyRing(dir))).toEqual(shown(ring));
  });

  it('is a plain key file to an older agent', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    writeKeyRing(dir, { current: a, sinceMs: 7, next: b, previous: c }, readRequest(dir));
    expect(importIdentity(dir.read('agent.key') ?? '').publicKey).toEqual(a.publicKey);
  });

  it('that is damaged gives no key away by half', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    writeKeyRing(dir, { current: a, sinceMs: 7, next: b, previous: c }, readRequest(dir));
    const text = dir.read('agent.key') ?? '';
    for (const damaged of ['', text.slice(0, -20), text.replace('next', 'newt'), `${text}x`]) {
      dir.write('agent.key', damaged);
      expect(() => readKeyRing(dir)).toThrow(/agent.key is damaged; enrol with --force/);
    }
  });

  it('holds a key that is as old as can be when a new one was asked for, until the ring is stored', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    writeKeyRing(dir, { ...ringOf(a), sinceMs: 7 }, readRequest(dir));
    askForNewKey(dir, 1);
    expect(readKeyRing(dir)?.sinceMs).toBe(0);
    writeKeyRing(dir, { ...ringOf(a), sinceMs: 9 }, readRequest(dir));
    expect(readKeyRing(dir)?.sinceMs).toBe(9);
  });

  it('remembers that a new one was asked for while the next one waits, until that is the current one', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    writeKeyRing(dir, { ...ringOf(a), sinceMs: 7, next: b }, readRequest(dir));
    askForNewKey(dir, 1);
    const ring = readKeyRing(dir) ?? ringOf(c);
    expect([ring.sinceMs, ring.isAskedAgain]).toEqual([7, true]);
    // Whatever is stored before that does not answer the request.
    writeKeyRing(dir, { ...ring, previous: c }, readRequest(dir));
    expect(readKeyRing(dir)?.isAskedAgain).toBe(true);
    const stored = stepKeys(initialSigning(ring), { kind: 'stored', fingerprint: fingerprint(b.publicKey) });
    const changed = stepKeys(stored, { kind: 'welcome', wallMs: 9 }).ring;
    expect([changed.current, changed.sinceMs]).toEqual([b, 0]);
    writeKeyRing(dir, changed, readRequest(dir));
    expect(readKeyRing(dir)).toMatchObject({ sinceMs: 0, next: null });
    writeKeyRing(dir, { ...ringOf(b), sinceMs: 10 }, readRequest(dir));
    expect(readKeyRing(dir)?.sinceMs).toBe(10);
  });

  it('keeps a request that came after the start, whatever is stored for an earlier one', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    for (const before of [() => {}, () => askForNewKey(dir, 1)]) {
      writeKeyRing(dir, { ...ringOf(a), sinceMs: 7 }, readRequest(dir));
      before();
      const request = readRequest(dir);
      askForNewKey(dir, 2);
      writeKeyRing(dir, { ...ringOf(b), sinceMs: 9 }, request);
      expect(readKeyRing(dir)?.sinceMs).toBe(0);
    }
  });

  it('keeps that a key is due again through a new process, though the request is in the folder no more', () => {
    using temp = tempDir();
    const dir = PrivateDir.open(temp.path);
    for (const request of [readRequest(dir), 'a request']) {
      writeKeyRing(dir, { ...ringOf(a), sinceMs: 7, next: b, isAskedAgain: true }, request);
      expect(readKeyRing(dir)?.isAskedAgain).toBe(true);
      writeKeyRing(dir, { ...ringOf(b), sinceMs: 8 }, request);
      expect(readKeyRing(dir)?.sinceMs).toBe(8);
    }
  });
});
