/**
 * `agent.key`: the keys of the agent, replaced as a whole. The current one comes first, as a plain PEM, and is all that is
 * there most of the time; while the key changes, and after it, others follow, each behind a line that says which it is:
 *
 *   PEM of the current key ‖ "since <wall clock, ms>" ‖ "next" PEM ‖ "previous" PEM      each on lines of its own
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { exportIdentity, importIdentity, type Identity } from '@rollcall/shared/protocol/identity.ts';
import type { KeyRing } from '../link/key-ring.ts';
import type { PrivateDir } from './private-dir.ts';

const KEY_FILE = 'agent.key';
/** Stands in the folder when somebody asked for a new key; holds when, which tells this request from others. */
const ASKED_FILE = 'agent.key.asked';
/** What it holds when the agent itself keeps a request up that it has read as an age of 0, or none was found. */
const KEPT_REQUEST = '';

const PEM = '(-----BEGIN PRIVATE KEY-----\\n[A-Za-z0-9+/=\\n]+-----END PRIVATE KEY-----\\n)';
const LAYOUT = new RegExp(`^${PEM}(?:since (\\d{1,15})\\n)?(?:next\\n${PEM})?(?:previous\\n${PEM})?$`);

/**
 * The keys in the folder, undefined when there are none. When a new one was asked for, the current one is as old as can be; when
 * another one waits to be used already, that was made before somebody asked, so it is as old as can be once it is current.
 * @throws AppError DATA_DIR_UNUSABLE; AUTH_FAILED when the file is damaged
 */
export function readKeyRing(dir: PrivateDir): KeyRing | undefined {
  const text = dir.read(KEY_FILE);
  if (text === undefined) return undefined;
  const match = LAYOUT.exec(text);
  if (match === null)
    throw new AppError('AUTH_FAILED', `${dir.path}/${KEY_FILE} is damaged; enrol with --force`);
  const [, current = '', since, next, previous] = match;
  const sinceMs = since === undefined ? null : Number(since);
  const isAsked = dir.read(ASKED_FILE) !== undefined;
  return {
    current: importIdentity(current),
    sinceMs: isAsked && next === undefined ? 0 : sinceMs,
    next: next === undefined ? null : importIdentity(next),
    previous: previous === undefined ? null : importIdentity(previous),
    ...(isAsked && next !== undefined ? { isAskedAgain: true } : {}),
  };
}

/**
 * What tells the request for a new key in the folder from later ones. Read it before the keys: a request that comes in between is
 * then done twice rather than never.
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function readRequest(dir: PrivateDir): string {
  return dir.read(ASKED_FILE) ?? KEPT_REQUEST;
}

/**
 * Replaces all keys in the folder; what was asked for is done then, or stands in them.
 * @param request the one that the keys know of, of `readRequest`; a later one stays
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function writeKeyRing(dir: PrivateDir, ring: KeyRing, request: string): void {
  const { current, sinceMs, next, previous, isAskedAgain = false } = ring;
  if (isAskedAgain && dir.read(ASKED_FILE) === undefined) dir.write(ASKED_FILE, request);
  const parts = [
    exportIdentity(current),
    sinceMs === null ? '' : `since ${Math.max(0, Math.round(sinceMs))}\n`,
    section('next', next),
    section('previous', previous),
  ];
  dir.write(KEY_FILE, parts.join(''));
  if (!isAskedAgain && dir.read(ASKED_FILE) === request) dir.remove(ASKED_FILE);
}

/**
 * Has the agent change its key when it starts next.
 * @param wallMs when somebody asked; tells the request from others
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function askForNewKey(dir: PrivateDir, wallMs: number): void {
  dir.write(ASKED_FILE, String(wallMs));
}

function section(name: string, keys: Identity | null): string {
  return keys === null ? '' : `${name}\n${exportIdentity(keys)}`;
}
