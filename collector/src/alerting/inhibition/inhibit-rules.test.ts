import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { expect, it } from 'vitest';
import { compile, type LabelMatcher } from '../routing/matchers.ts';
import { stockRules } from '../rules/stock.ts';
import { readStockRules } from '../stock-rules/stock-rules.ts';
import { equalKey, SHIPPED_INHIBIT_RULES } from './inhibit-rules.ts';

const NAMES = new Set([
  ...stockRules().map(({ name }) => name),
  ...readStockRules(nodeDisk).flatMap(({ groups }) =>
    groups.flatMap(({ rules }) => rules.filter(({ kind }) => kind === 'alerting').map(({ name }) => name)),
  ),
]);

function unknownNames(matchers: readonly LabelMatcher[]): readonly string[] {
  return matchers
    .filter(({ name, value }) => name === 'alertname' && !NAMES.has(value))
    .map(({ value }) => value);
}

/** Whether an alert mutes another one by any of the shipped rules. */
function mutes(source: Readonly<Record<string, string>>, target: Readonly<Record<string, string>>): boolean {
  return SHIPPED_INHIBIT_RULES.some(
    (rule) =>
      compile(rule.source)(source) &&
      compile(rule.target)(target) &&
      equalKey(rule.equal, source) === equalKey(rule.equal, target),
  );
}

it('speaks of alerts that are shipped', () => {
  expect(SHIPPED_INHIBIT_RULES.flatMap(({ source, target }) => unknownNames([...source, ...target]))).toEqual(
    [],
  );
});

it('a host that is down mutes the rest about it, and no other host', () => {
  const down = { alertname: 'HostDown', level: 'warn', instance: 'a', host_id: '1' };
  const low = { alertname: 'MemoryLow', level: 'crit', instance: 'a' };
  expect(mutes(down, { ...low, host_id: '1' })).toBe(true);
  expect(mutes(down, { ...low, host_id: '2' })).toBe(false);
  expect(mutes(down, { ...down, level: 'crit' })).toBe(false);
});

it.each([
  ['FilesystemAlmostFull', 'DiskFillsUp'],
  ['InodesLow', 'InodesRunOut'],
])('%s mutes %s of the same file system, but no page while it is only a warning', (full, fills) => {
  const here = { instance: 'a', device: '/dev/sda1', mountpoint: '/' };
  const source = { ...here, alertname: full, host_id: '1' };
  const target = { ...here, alertname: fills, host_id: '1', fstype: 'ext4' };
  expect(mutes({ ...source, level: 'warn' }, { ...target, level: 'warn' })).toBe(true);
  expect(mutes({ ...source, level: 'warn' }, { ...target, level: 'crit' })).toBe(false);
  expect(mutes({ ...source, level: 'crit' }, { ...target, level: 'crit' })).toBe(true);
  expect(mutes({ ...source, level: 'crit' }, { ...target, level: 'crit', mountpoint: '/srv' })).toBe(false);
});

it('exhausted memory mutes low memory', () => {
  const exhausted = { alertname: 'MemoryExhausted', level: 'crit', instance: 'a' };
  expect(mutes(exhausted, { alertname: 'MemoryLow', level: 'crit', instance: 'a' })).toBe(true);
  expect(mutes(exhausted, { alertname: 'MemoryLow', level: 'crit', instance: 'b' })).toBe(false);
});
