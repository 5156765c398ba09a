/** Which hosts the list shows and in what order. Pure. */
import type { HostState, HostSummary } from '../../../../collector/src/api/types.ts';
import { HOST_STATES } from '../../api/answers.ts';
import { hasWords, wordsOf } from '../../search.ts';

export const SORT_KEYS = [
  'state',
  'name',
  'os',
  'cpu',
  'memory',
  'disk',
  'load',
  'network',
  'uptime',
  'seen',
  'incidents',
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Order {
  readonly key: SortKey;
  readonly isDescending: boolean;
}

/** Trouble first. */
export const DEFAULT_ORDER: Order = { key: 'state', isDescending: false };

/** What the list is narrowed to; `null` and the empty string narrow nothing. */
export interface Filter {
  readonly text: string;
  readonly state: HostState | null;
}

/** The hosts that match the filter: every word must occur in the name, the operating system or the id. */
export function filterHosts(hosts: readonly HostSummary[], filter: Filter): readonly HostSummary[] {
  const words = wordsOf(filter.text);
  return hosts.filter((host) => {
    if (filter.state !== null && host.state !== filter.state) return false;
    return (
      words.length === 0 ||
      hasWords(words, `${host.name}\n${host.os?.name ?? ''}\n${host.os?.kernel ?? ''}\n${host.id}`)
    );
  });
}

/**
 * The hosts in order. What is not known comes last in either direction, and equal hosts are ordered by name and id, so
 * that rows do not change places from one refresh to the next without a reason.
 */
export function orderHosts(hosts: readonly HostSummary[], order: Order): readonly HostSummary[] {
  const rows = hosts.map((host) => ({ host, value: sortValue(host, order.key) }));
  const sign = order.isDescending ? -1 : 1;
  rows.sort((a, b) => compareKnown(a.value, b.value, sign) || compareNames(a.host, b.host));
  return rows.map((row) => row.host);
}

/** The word for an order in the address: `cpu`, or `-cpu` when descending; `null` for the default. */
export function orderToWord(order: Order): string | null {
  if (order.key === DEFAULT_ORDER.key && order.isDescending === DEFAULT_ORDER.isDescending) return null;
  return order.isDescending ? `-${order.key}` : order.key;
}

/** The order that a word in the address names; the default for any other word. */
export function orderFromWord(word: string | undefined): Order {
  const isDescending = word?.startsWith('-') ?? false;
  const key = SORT_KEYS.find((known) => known === (isDescending ? word?.slice(1) : word));
  return key === undefined ? DEFAULT_ORDER : { key, isDescending };
}

/** The order after a click on a column: figures start with the largest, words with the first, a second click turns it. */
export function orderAfterClick(order: Order, key: SortKey): Order {
  if (order.key === key) return { key, isDescending: !order.isDescending };
  return { key, isDescending: !WORD_KEYS.has(key) };
}

const WORD_KEYS: ReadonlySet<SortKey> = new Set<SortKey>(['state', 'name', 'os']);

function sortValue(host: HostSummary, key: SortKey): string | number | null {
  const vitals = host.vitals;
  switch (key) {
    case 'state':
      return HOST_STATES.indexOf(host.state);
    case 'name':
      return host.name;
    case 'os':
      return host.os?.name ?? null;
    case 'cpu':
      return vitals?.cpuBusyRatio ?? null;
    case 'memory':
      return vitals?.memoryUsedRatio ?? null;
    case 'disk':
      return vitals?.fullestFilesystem?.usedRatio ?? null;
    case 'load':
      return vitals?.load1 ?? null;
    case 'network':
      return networkBytesPerSecond(host);
    case 'uptime':
      // The longest uptime is the oldest boot.
      return vitals?.bootedMs === undefined || vitals.bootedMs === null ? null : -vitals.bootedMs;
    case 'seen':
      return host.lastSeenMs;
    case 'incidents':
      return host.openIncidentCount;
  }
}

function networkBytesPerSecond(host: HostSummary): number | null {
  const received = host.vitals?.receiveBytesPerSecond ?? null;
  const sent = host.vitals?.transmitBytesPerSecond ?? null;
  return received === null && sent === null ? null : (received ?? 0) + (sent ?? 0);
}

function compareKnown(a: string | number | null, b: string | number | null, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'string' || typeof b === 'string') return sign * collator.compare(String(a), String(b));
  return sign * (a - b);
}

function compareNames(a: HostSummary, b: HostSummary): number {
  return collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
}

// web-9 comes before web-10.
const collator = new Intl.Collator('en', { numeric: true });
