/**
 * ULIDs: 48 bits of milliseconds and 80 random bits as 26 characters that sort by time.
 * Source: github.com/ulid/spec, including its monotonic rule.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_LENGTH = 10;
const RANDOM_LENGTH = 16;

/**
 * A generator whose ids rise strictly, also within one millisecond and when the wall clock steps back.
 * @param random uniform in [0, 1)
 */
export function createUlid(clock: Clock, random: () => number): () => string {
  let lastMs = -1;
  let digits: number[] = [];
  return () => {
    const nowMs = clock.wallMs();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      digits = Array.from({ length: RANDOM_LENGTH }, () => Math.floor(random() * 32));
    } else if (!increment(digits)) {
      lastMs += 1;
    }
    return encodeTime(lastMs) + digits.map((digit) => ALPHABET[digit]).join('');
  };
}

/** Adds one in place; false when it wrapped around to zero. */
function increment(digits: number[]): boolean {
  for (let i = digits.length - 1; i >= 0; i--) {
    const next = (digits[i] ?? 0) + 1;
    digits[i] = next % 32;
    if (next < 32) return true;
  }
  return false;
}

function encodeTime(timeMs: number): string {
  let text = '';
  let rest = Math.floor(timeMs);
  for (let i = 0; i < TIME_LENGTH; i++) {
    text = `${ALPHABET[rest % 32] ?? ''}${text}`;
    rest = Math.floor(rest / 32);
  }
  return text;
}
