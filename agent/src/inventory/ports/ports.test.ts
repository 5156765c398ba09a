import { describe, expect, it } from 'vitest';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { HostError } from '../../host/host.ts';
import { FakeSource } from '../testing.ts';
import { portsReader } from './ports.linux.ts';
import { parsePortRange, parseSocketTable } from './ports.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const TCP =
  HEAD +
  '   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0\n' +
  '   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 101 1 0 100 0 0 10 0\n' +
  '   2: 0100007F:A001 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0\n' +
  '   3: 0A00020F:0016 0A000202:C3A2 01 00000000:00000000 02:000A8D0B 00000000     0        0 103 2 0 20 4 30 10 -1\n';
const TCP6 =
  HEAD +
  '   0: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 104 1 0\n' +
  '   1: B80D0120000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 105 1 0\n';
const UDP =
  HEAD +
  '  10: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 106 2 0 0\n' +
  '  11: 00000000:9C41 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 107 2 0 0\n' +
  '  12: 0A00020F:8001 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 108 2 0 0\n';

describe('parseSocketTable', () => {
  it('reads listening sockets with their addresses as people write them', () => {
    expect(parseSocketTable(TCP6, 'tcp').map(({ address, port }) => `${address} ${port}`)).toEqual([
      '::1 631',
      '2001:db8::1 22',
    ]);
    expect(parseSocketTable(TCP, 'tcp').map(({ address }) => address)).toEqual([
      '127.0.0.1',
      '0.0.0.0',
      '127.0.0.1',
    ]);
    expect(parseSocketTable(UDP, 'udp').map(({ port }) => port)).toEqual([68, 40_001]);
  });

  it.each(['', 'garbage', HEAD, `${HEAD}   0: 0100007F 0 0A`, `${HEAD}  0: ZZ:0277 0:0000 0A a b c 0 0 x`])(
    'takes nothing from %j',
    (table) => expect(parseSocketTable(table, 'tcp')).toEqual([]),
  );

  it('takes the usual range of ports when the kernel does not say one', () => {
    expect(parsePortRange('1024\t2048\n')).toEqual({ from: 1024, to: 2048 });
    for (const content of [undefined, '', 'x y', '5 4']) expect(parsePortRange(content).from).toBe(32_768);
  });
});

describe('section of ports', () => {
  function machine(): FakeSource {
    const source = new FakeSource({
      '/proc/1/net/tcp': TCP,
      '/proc/1/net/udp': UDP,
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
      '/proc/7/comm': 'cupsd\n',
      '/proc/8/comm': 'sshd\n',
      '/proc/uptime': '1 1',
    });
    const links = new Map([
      ['/proc/7/fd/3', 'socket:[100]'],
      ['/proc/8/fd/0', '/dev/null'],
      ['/proc/8/fd/3', 'socket:[101]'],
    ]);
    for (const path of links.keys()) source.host.files.set(path, '');
    source.host.readLink = (path) => links.get(path) ?? '';
    return source;
  }

  it('names the process and the user, and leaves out what is there by chance', () => {
    expect(portsReader.read(machine())).toEqual({
      ports: [
        { protocol: 'tcp', address: '0.0.0.0', port: 22, process: 'sshd', user: '1000' },
        { protocol: 'tcp', address: '127.0.0.1', port: 631, process: 'cupsd', user: 'root' },
        { protocol: 'udp', address: '0.0.0.0', port: 68, process: null, user: 'root' },
      ],
    });
  });

  it('says that a process is not readable where it may be another user’s', () => {
    const source = machine();
    const list = source.host.list.bind(source.host);
    source.host.list = (path) => {
      if (path === '/proc/7/fd') throw new HostError('denied', path);
      return list(path);
    };
    expect(portsReader.read(source)).toMatchObject({
      ports: [{ process: 'sshd' }, { process: NOT_READABLE }, { process: NOT_READABLE }],
    });
  });

  it('goes on when a process ends while it is looked at', () => {
    const source = machine();
    const list = source.host.list.bind(source.host);
    source.host.list = (path) => {
      if (path === '/proc/7/fd') throw new HostError('absent', path);
      return list(path);
    };
    expect(portsReader.read(source)).toMatchObject({ ports: [{}, { port: 631, process: null }, {}] });
  });
});
