/** Changes of the inventory as people say them. Pure; texts of hosts stay foreign. */
import type { InventoryChangeEntry } from '../../../../collector/src/api/types.ts';
import { nestedText, readableKey } from './field.ts';

/** One change, ready to show. */
export interface ChangeText {
  /** `+` came, `−` went, `~` is different. */
  readonly sign: '+' | '−' | '~';
  /** For readers of the screen. */
  readonly verb: 'added' | 'removed' | 'changed';
  /** What it is about: `nginx dpkg amd64 · version`. */
  readonly what: string;
  /** `1.24 → 1.26`; what came or went in short; '' when `what` says it all. */
  readonly how: string;
}

const SIGNS = { added: '+', removed: '−', changed: '~' } as const;

export function changeText({ kind, path, before, after }: InventoryChangeEntry): ChangeText {
  const key = path.at(-1) ?? '';
  const base = { sign: SIGNS[kind], verb: kind } as const;
  if (kind === 'changed') {
    return { ...base, what: whatOf(path), how: `${nestedText(key, before)} → ${nestedText(key, after)}` };
  }
  return { ...base, what: whatOf(path), how: versionOf(kind === 'added' ? after : before) };
}

/** The list that an entry is in goes without saying: its section has the same name, or nearly. */
function whatOf(path: readonly string[]): string {
  const [first = '', ...rest] = path;
  if (rest.length === 0) return readableKey(first);
  const [entry = '', ...fields] = rest;
  return [entry, ...fields.map((field) => readableKey(field).toLowerCase())].join(' · ');
}

function versionOf(value: InventoryChangeEntry['after']): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  const version = 'version' in value ? value['version'] : undefined;
  return typeof version === 'string' ? version : '';
}
