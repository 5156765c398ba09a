import { describe, expect, it } from 'vitest';
import { addressKey, KeyedBuckets, TokenBucket } from './buckets.ts';

describe('TokenBucket', () => {
  it('gives the burst at once, then the rate', () => {
    const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(0)]).toEqual([true, true, false]);
    expect(bucket.take(999)).toBe(false);
    expect(bucket.take(1_000)).toBe(true);
  });

  it('does not fill above the burst, and not from a clock that stands', () => {
    const bucket = new TokenBucket({ burst: 1, perSecond: 100 }, 0);
    expect(bucket.take(1e9)).toBe(true);
    expect(bucket.take(1e9)).toBe(false);
  });
});

describe('KeyedBuckets', () => {
  it('keeps keys apart', () => {
    const buckets = new KeyedBuckets({ burst: 1, perSecond: 1 }, 10);
    expect([buckets.take('a', 0), buckets.take('a', 0), buckets.take('b', 0)]).toEqual([true, false, true]);
    expect([buckets.isEmpty('a', 0), buckets.isEmpty('c', 0), buckets.isEmpty('a', 1_000)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('forgets the key used longest ago when there are too many', () => {
    const buckets = new KeyedBuckets({ burst: 1, perSecond: 0.001 }, 2);
    for (const key of ['a', 'b', 'a', 'c']) buckets.take(key, 0);
    expect(buckets.size).toBe(2);
    expect([buckets.isEmpty('a', 0), buckets.isEmpty('b', 0), buckets.isEmpty('c', 0)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe('addressKey', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    ['', 'unknown'],
    ['nonsense', 'unknown'],
  ])('takes %s for %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
