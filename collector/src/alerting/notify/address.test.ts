import { describe, expect, it } from 'vitest';
import { AddressRanges, classifyAddress, unpackAddress } from './address.ts';

describe('classifyAddress', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:1.1.1.1',
    '64:ff9b::1.1.1.1',
    '2002:101:101::',
  ])('takes %s for public', (address) => {
    expect(classifyAddress(address)).toBe('public');
  });

  it.each([
    // This host, this network.
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '127.255.255.254',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    // Private and shared.
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.127.255.255',
    'fc00::1',
    'fd12:3456::1',
    // Link-local, site-local.
    '169.254.1.1',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    // Multicast, broadcast, reserved, documentation, benchmarks, discard.
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '100::1',
    '2001:db8::1',
    '3fff::1',
    '5f00::1',
    '4000::1',
    // IPv4 in other clothes.
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '::FFFF:192.168.0.1',
    '::127.0.0.1',
    '::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:a00:1:1:2:3:4:5',
    // Teredo, ORCHID.
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:10::1',
    '2001:20::1',
    // No address at all.
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '[::1]',
    '1::2::3',
  ])('does not take %s for public', (address) => {
    expect(classifyAddress(address)).toBe('private');
  });

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '169.254.170.2',
    '100.100.100.200',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:0254',
    'fd20:ce::254',
  ])('knows %s as cloud metadata', (address) => {
    expect(classifyAddress(address)).toBe('metadata');
  });
});

describe('unpackAddress', () => {
  it('gives equal addresses one text', () => {
    const forms = ['2001:DB8::1', '2001:db8:0:0:0:0:0:1', '2001:0db8::0001%eth0'];
    expect(new Set(forms.map(unpackAddress)).size).toBe(1);
    expect(unpackAddress('::ffff:1.2.3.4')).toBe('1.2.3.4');
  });
});

describe('AddressRanges', () => {
  it('holds ranges and single addresses of both families', () => {
    const ranges = new AddressRanges(['10.0.0.0/8', '192.168.1.7', 'fd00::/8', '::1']);
    for (const inside of ['10.255.0.1', '192.168.1.7', 'fd12::1', '::1'])
      expect(ranges.has(inside)).toBe(true);
    for (const outside of ['11.0.0.1', '192.168.1.8', 'fe80::1', '::2', 'text', '']) {
      expect(ranges.has(outside)).toBe(false);
    }
  });

  it('does not let an IPv6 range hold IPv4 addresses', () => {
    expect(new AddressRanges(['::/0']).has('10.0.0.1')).toBe(false);
    expect(new AddressRanges(['0.0.0.0/0']).has('::1')).toBe(false);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'fd00::/129',
    'localhost',
    'fe80::1%a/64',
  ])('refuses %j', (range) => {
    expect(() => new AddressRanges([range])).toThrow(/expected one like/);
  });
});
