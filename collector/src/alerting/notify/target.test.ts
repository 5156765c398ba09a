import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { createTargetGuard, type ResolvedAddress, type TargetPolicy } from './target.ts';

const NONE: TargetPolicy = { allowedRanges: [], allowedPorts: [] };

function ipv4(...addresses: readonly string[]): readonly ResolvedAddress[] {
  return addresses.map((address) => ({ address, family: 4 }));
}

const NAMES: Readonly<Record<string, readonly ResolvedAddress[]>> = {
  'good.example': ipv4('1.1.1.1', '1.0.0.1'),
  'mixed.example': ipv4('1.1.1.1', '10.0.0.1'),
  'inside.example': ipv4('10.0.0.1'),
  'meta.example': ipv4('169.254.169.254'),
  'empty.example': [],
  'many.example': ipv4(...Array.from({ length: 33 }, (_, i) => `1.1.1.${i}`)),
  'six.example': [{ address: '::ffff:127.0.0.1', family: 6 }],
};

async function check(url: string, policy: TargetPolicy = NONE): Promise<string> {
  const guard = createTargetGuard(policy, async (name) => {
    const addresses = NAMES[name];
    if (addresses === undefined) throw Object.assign(new Error('nope'), { code: 'ENOTFOUND' });
    return addresses;
  });
  try {
    const target = await guard.check(url);
    return target.addresses.map(({ address }) => address).join(' ');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return `${error.code}${error.isRetryable ? ' (retry)' : ''}: ${error.message}`;
  }
}

describe('createTargetGuard', () => {
  it.each([
    ['https://good.example/hook?x=1', '1.1.1.1 1.0.0.1'],
    ['https://good.example.:8443/', '1.1.1.1 1.0.0.1'],
    ['https://1.1.1.1/', '1.1.1.1'],
    ['https://[2606:4700::1111]/', '2606:4700::1111'],
  ])('lets %s pass', async (url, addresses) => {
    expect(await check(url)).toBe(addresses);
  });

  it.each([
    ['not a url', /is not a URL$/],
    ['ftp://good.example/', /to ftp:.*: scheme ftp: is not allowed/],
    ['file:///etc/passwd', /scheme file:/],
    ['gopher://good.example/', /scheme gopher:/],
    ['https://user:hunter2@good.example/', /credentials in a URL/],
    ['https://good.example:22/', /port 22/],
    ['http://good.example:6379/', /port 6379/],
    ['http://1.1.1.1/', /http to 1\.1\.1\.1 is not in an allowed range, use https/],
    ['https://127.0.0.1/', /not public/],
    ['https://127.1/', /127\.0\.0\.1 is not public/],
    ['https://0x7f.1/', /127\.0\.0\.1 is not public/],
    ['https://2130706433/', /127\.0\.0\.1 is not public/],
    ['https://0177.0.0.1/', /127\.0\.0\.1 is not public/],
    ['https://１２７.0.0.1/', /127\.0\.0\.1 is not public/],
    ['https://[::1]/', /::1 is not public/],
    ['https://[::ffff:127.0.0.1]/', /not public/],
    ['https://[64:ff9b::a00:1]/', /not public/],
    ['https://169.254.169.254/latest/', /metadata is never reachable/],
    ['https://metadata.google.internal/', /metadata is never reachable/],
    ['https://METADATA.google.internal./', /metadata is never reachable/],
  ])('refuses %s for good', async (url, message) => {
    const answer = await check(url);
    expect(answer).toMatch(/^TARGET_FORBIDDEN: /);
    expect(answer).toMatch(message);
    expect(answer).not.toContain('hunter2');
  });

  it.each([
    ['https://inside.example/', /^TARGET_FORBIDDEN \(retry\).*10\.0\.0\.1 is not public/],
    ['https://mixed.example/', /^TARGET_FORBIDDEN \(retry\).*10\.0\.0\.1 is not public/],
    ['https://six.example/', /^TARGET_FORBIDDEN \(retry\)/],
    ['http://good.example/', /^TARGET_FORBIDDEN \(retry\).*use https/],
    ['https://missing.example/', /^NOTIFY_FAILED \(retry\).*resolve the name: ENOTFOUND/],
    ['https://empty.example/', /^NOTIFY_FAILED \(retry\).*0 addresses/],
    ['https://many.example/', /^NOTIFY_FAILED \(retry\).*33 addresses/],
  ])('refuses %s as long as the name resolves so', async (url, message) => {
    expect(await check(url)).toMatch(message);
  });

  it('allows what the configuration names, plain HTTP and other ports included', async () => {
    const policy = { allowedRanges: ['10.0.0.0/8', '127.0.0.0/8', '::1'], allowedPorts: [9093] };
    expect(await check('http://inside.example:9093/', policy)).toBe('10.0.0.1');
    expect(await check('http://127.0.0.1:9093/', policy)).toBe('127.0.0.1');
    expect(await check('http://[::1]:9093/', policy)).toBe('::1');
    expect(await check('https://six.example/', policy)).toBe('::ffff:127.0.0.1');
    expect(await check('https://mixed.example/', policy)).toBe('1.1.1.1 10.0.0.1');
    expect(await check('http://127.0.0.1:9094/', policy)).toMatch(/port 9094/);
  });

  it('never allows metadata, whatever the configuration names', async () => {
    const policy = { allowedRanges: ['0.0.0.0/0', '::/0'], allowedPorts: [] };
    expect(await check('http://127.0.0.1/', policy)).toBe('127.0.0.1');
    for (const url of [
      'http://169.254.169.254/',
      'http://meta.example/',
      'http://[::ffff:169.254.169.254]/',
      'http://[fd00:ec2::254]/',
    ]) {
      expect(await check(url, policy)).toMatch(/metadata is never reachable/);
    }
  });

  it('recognises a connection that went elsewhere', async () => {
    const guard = createTargetGuard(NONE, async () => ipv4('1.1.1.1'));
    const target = await guard.check('https://good.example/');
    expect(target.includes('1.1.1.1')).toBe(true);
    expect(target.includes('::ffff:1.1.1.1')).toBe(true);
    expect(target.includes('10.0.0.1')).toBe(false);
    expect(target.includes(undefined)).toBe(false);
  });

  it('refuses a malformed policy', () => {
    expect(() => createTargetGuard({ allowedRanges: ['loopback'], allowedPorts: [] })).toThrow(
      /address range/,
    );
  });
});
