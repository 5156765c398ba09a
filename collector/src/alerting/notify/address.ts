/**
 * Which addresses are part of the public internet. Everything else (this machine, this network, tunnels into them,
 * reserved space) may only be reached when the configuration names it.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** Source: IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later), multicast (RFC 5771). */
const NOT_PUBLIC_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Only this part of IPv6 is given out as global unicast (RFC 4291 section 2.4, IANA registry). */
const GLOBAL_UNICAST_IPV6 = ['2000::/3'];
/** IETF protocol assignments with Teredo and ORCHID, documentation. */
const NOT_PUBLIC_IPV6 = ['2001::/23', '2001:db8::/32', '3fff::/20'];

/** Where clouds hand out credentials to whoever asks. Never reachable, whatever the configuration says. */
const METADATA = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '100.100.100.200/32',
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
];

/** A set of address ranges; IPv4 ranges hold no IPv6 addresses and the other way round. */
export class AddressRanges {
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();

  /**
   * @param ranges such as `10.0.0.0/8`, `fd00::/8`, or a single address
   * @throws AppError BAD_CONFIG naming the range that is none
   */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix, ...rest] = range.split('/');
      const version = isIP(address);
      const bits = version === 4 ? 32 : 128;
      const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
      if (version === 0 || address.includes('%') || rest.length > 0 || !(length <= bits)) {
        throw new AppError(
          'BAD_CONFIG',
          `address range "${range}": expected one like 10.0.0.0/8 or fd00::/8`,
        );
      }
      if (version === 4) this.#ipv4.addSubnet(address, length, 'ipv4');
      else this.#ipv6.addSubnet(address, length, 'ipv6');
    }
  }

  has(address: string): boolean {
    if (isIPv4(address)) return this.#ipv4.check(address, 'ipv4');
    return isIPv6(address) && this.#ipv6.check(address, 'ipv6');
  }
}

const notPublicIpv4 = new AddressRanges(NOT_PUBLIC_IPV4);
const globalUnicastIpv6 = new AddressRanges(GLOBAL_UNICAST_IPV6);
const notPublicIpv6 = new AddressRanges(NOT_PUBLIC_IPV6);
const metadata = new AddressRanges(METADATA);

export type AddressClass = 'public' | 'private' | 'metadata';

/** What `address` is, judged by the address that packets to it end up at. Anything that is no address is private. */
export function classifyAddress(address: string): AddressClass {
  const actual = unpackAddress(address);
  if (metadata.has(actual)) return 'metadata';
  if (isIPv4(actual)) return notPublicIpv4.has(actual) ? 'private' : 'public';
  return globalUnicastIpv6.has(actual) && !notPublicIpv6.has(actual) ? 'public' : 'private';
}

/**
 * The IPv4 address inside an IPv6 address that stands for one: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
 * Any other address in canonical form, without a zone.
 */
export function unpackAddress(address: string): string {
  const [bare = ''] = address.split('%');
  if (!isIPv6(bare)) return bare;
  const words = wordsOf(bare);
  const ipv4At = (index: number): string => {
    const high = words[index] ?? 0;
    const low = words[index + 1] ?? 0;
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  };
  const startsWith = (...prefix: readonly number[]): boolean => prefix.every((word, i) => words[i] === word);
  if (startsWith(0, 0, 0, 0, 0, 0xffff)) return ipv4At(6);
  if (startsWith(0x64, 0xff9b, 0, 0, 0, 0)) return ipv4At(6);
  if (startsWith(0x2002)) return ipv4At(1);
  return words.map((word) => word.toString(16)).join(':');
}

/** The eight 16-bit words of an IPv6 address. */
function wordsOf(address: string): readonly number[] {
  // The URL parser writes every valid form as compressed hexadecimal words.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const parse = (text: string): number[] => (text === '' ? [] : text.split(':').map((w) => parseInt(w, 16)));
  const left = parse(head);
  const right = tail === undefined ? [] : parse(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...zeros, ...right];
}
