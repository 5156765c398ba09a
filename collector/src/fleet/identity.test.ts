import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { IDENTITY_FILE, openIdentity } from './identity.ts';

const UNUSABLE: unknown = expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' });

describe('openIdentity', () => {
  it('makes the key once, readable by its owner only, and leaves nothing else behind', () => {
    using dir = tempDir();
    const first = openIdentity(dir.path);
    expect(openIdentity(dir.path).publicKey).toEqual(first.publicKey);
    expect(statSync(join(dir.path, IDENTITY_FILE)).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir.path)).toEqual([IDENTITY_FILE]);
  });

  it('goes on after a crash that left an unfinished key', () => {
    using dir = tempDir();
    writeFileSync(join(dir.path, `${IDENTITY_FILE}.new`), 'half a k', { mode: 0o600 });
    const first = openIdentity(dir.path);
    expect(openIdentity(dir.path).publicKey).toEqual(first.publicKey);
  });

  it('never replaces a damaged key', () => {
    using dir = tempDir();
    writeFileSync(join(dir.path, IDENTITY_FILE), 'not a key', { mode: 0o600 });
    expect(() => openIdentity(dir.path)).toThrow(UNUSABLE);
    expect(() => openIdentity(dir.path)).toThrow(UNUSABLE);
  });

  it('refuses a key that others can read', () => {
    using dir = tempDir();
    openIdentity(dir.path);
    chmodSync(join(dir.path, IDENTITY_FILE), 0o640);
    expect(() => openIdentity(dir.path)).toThrow(UNUSABLE);
  });

  it('says so when the folder does not exist', () => {
    expect(() => openIdentity('/nonexistent/rollcall')).toThrow(UNUSABLE);
  });
});
