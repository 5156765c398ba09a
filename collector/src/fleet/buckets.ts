/**
 * Token buckets against floods, on the monotonic clock: one for everything, or one per key with a bound on the keys.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface BucketRate {
  /** How many may come at once. */
  readonly burst: number;
  readonly perSecond: number;
}

/** One bucket. It starts full. */
export class TokenBucket {
  readonly #rate: BucketRate;
  #tokens: number;
  #filledMonoMs: number;

  constructor(rate: BucketRate, nowMonoMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMonoMs = nowMonoMs;
  }

  /** Takes a token; false when there is none. */
  take(nowMonoMs: number): boolean {
    this.#refill(nowMonoMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether `take` would fail. */
  isEmpty(nowMonoMs: number): boolean {
    this.#refill(nowMonoMs);
    return this.#tokens < 1;
  }

  #refill(nowMonoMs: number): void {
    const elapsedMs = Math.max(0, nowMonoMs - this.#filledMonoMs);
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + (elapsedMs * this.#rate.perSecond) / 1000);
    this.#filledMonoMs = nowMonoMs;
  }
}

/** Buckets by key. Over `keysMax` the key that was used longest ago is forgotten, which leaves it a full bucket. */
export class KeyedBuckets {
  readonly #rate: BucketRate;
  readonly #keysMax: number;
  // A Map keeps the order of insertion: taking a key out and in again makes the first key the oldest one.
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: BucketRate, keysMax: number) {
    this.#rate = rate;
    this.#keysMax = keysMax;
  }

  take(key: string, nowMonoMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, nowMonoMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#keysMax) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    return bucket.take(nowMonoMs);
  }

  /** Whether `take` of this key would fail; takes nothing. */
  isEmpty(key: string, nowMonoMs: number): boolean {
    return this.#buckets.get(key)?.isEmpty(nowMonoMs) ?? false;
  }

  get size(): number {
    return this.#buckets.size;
  }
}

/**
 * What failures of an address are counted under: an IPv4 address itself, also when it is mapped into IPv6; of an IPv6
 * address the /64, because whoever has one address there has them all. Anything else is one key, `unknown`.
 */
export function addressKey(address: string): string {
  const bare = address.replace(/%.*$/, '').toLowerCase();
  const mapped = /^(?:::ffff:)(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1] ?? bare;
  if (isIPv4(mapped)) return mapped;
  if (!isIPv6(bare)) return 'unknown';
  const [head = '', tail] = bare.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    // A trailing IPv4 part stands for two groups.
    const tailGroups = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    const omitted = 8 - groups.length - tailGroups;
    groups.push(...Array.from({ length: omitted }, () => '0'), ...tail.split(':'));
  }
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}
