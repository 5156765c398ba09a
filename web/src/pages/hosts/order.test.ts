import { expect, test } from 'vitest';
import type { HostSummary, HostVitals } from '../../../../collector/src/api/types.ts';
import {
  DEFAULT_ORDER,
  filterHosts,
  orderAfterClick,
  orderFromWord,
  orderHosts,
  orderToWord,
} from './order.ts';

const noVitals: HostVitals = {
  timeMs: 0,
  cpuBusyRatio: null,
  cpuCount: null,
  memoryUsedRatio: null,
  memoryTotalBytes: null,
  load1: null,
  fullestFilesystem: null,
  receiveBytesPerSecond: null,
  transmitBytesPerSecond: null,
  bootedMs: null,
};

function host(name: string, over: Partial<HostSummary> = {}): HostSummary {
  return {
    id: `id-of-${name}`,
    name,
    state: 'up',
    stateSinceMs: 0,
    lastSeenMs: 0,
    enrolledMs: 0,
    os: { platform: 'linux', name: 'Debian GNU/Linux 12', kernel: '6.1.0', arch: 'x64' },
    agentVersion: '0.1.0',
    vitals: noVitals,
    openIncidentCount: 0,
    keyConflictMs: null,
    revokedMs: null,
    ...over,
  };
}

const names = (hosts: readonly HostSummary[]): string => hosts.map((one) => one.name).join(' ');
const busy = (ratio: number | null): Partial<HostSummary> => ({
  vitals: { ...noVitals, cpuBusyRatio: ratio },
});

test('lists trouble first and equal hosts by name, numbers in names as numbers', () => {
  const hosts = [
    host('web-10'),
    host('web-9'),
    host('db', { state: 'down' }),
    host('a', { state: 'planned' }),
  ];
  expect(names(orderHosts(hosts, DEFAULT_ORDER))).toBe('db web-9 web-10 a');
});

test('puts what is not known last in either direction', () => {
  const hosts = [
    host('a', busy(null)),
    host('b', busy(0.2)),
    host('c', busy(0.9)),
    host('d', { vitals: null }),
  ];
  expect(names(orderHosts(hosts, { key: 'cpu', isDescending: true }))).toBe('c b a d');
  expect(names(orderHosts(hosts, { key: 'cpu', isDescending: false }))).toBe('b c a d');
});

test('orders uptime by its length', () => {
  const booted = (bootedMs: number): Partial<HostSummary> => ({ vitals: { ...noVitals, bootedMs } });
  const hosts = [host('fresh', booted(900)), host('old', booted(100))];
  expect(names(orderHosts(hosts, { key: 'uptime', isDescending: true }))).toBe('old fresh');
});

test('adds up both directions of the network', () => {
  const net = (receive: number | null, transmit: number | null): Partial<HostSummary> => ({
    vitals: { ...noVitals, receiveBytesPerSecond: receive, transmitBytesPerSecond: transmit },
  });
  const hosts = [host('a', net(5, null)), host('b', net(3, 3)), host('c', net(null, null))];
  expect(names(orderHosts(hosts, { key: 'network', isDescending: true }))).toBe('b a c');
});

test('finds hosts by all words in name, system or id', () => {
  const hosts = [host('web-1'), host('web-2', { os: null }), host('db-1')];
  const found = (text: string): string => names(filterHosts(hosts, { text, state: null }));
  expect(found('')).toBe('web-1 web-2 db-1');
  expect(found('  WEB  debian ')).toBe('web-1');
  expect(found('id-of-db')).toBe('db-1');
  expect(found('.*')).toBe('');
  expect(names(filterHosts([host('x', { state: 'down' }), host('y')], { text: '', state: 'down' }))).toBe(
    'x',
  );
});

test('keeps the order in one word of the address', () => {
  expect(orderToWord(DEFAULT_ORDER)).toBeNull();
  expect(orderToWord({ key: 'cpu', isDescending: true })).toBe('-cpu');
  expect(orderFromWord('-cpu')).toEqual({ key: 'cpu', isDescending: true });
  expect(orderFromWord('name')).toEqual({ key: 'name', isDescending: false });
  for (const word of [undefined, '', '-', '--cpu', 'constructor'])
    expect(orderFromWord(word)).toEqual(DEFAULT_ORDER);
});

test('starts figures with the largest, words with the first, and turns at the second click', () => {
  const first = orderAfterClick(DEFAULT_ORDER, 'memory');
  expect(first).toEqual({ key: 'memory', isDescending: true });
  expect(orderAfterClick(first, 'memory')).toEqual({ key: 'memory', isDescending: false });
  expect(orderAfterClick(first, 'name')).toEqual({ key: 'name', isDescending: false });
});
