import { expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { openState } from '../../state/state.ts';
import { parseMatcher } from '../routing/matchers.ts';
import { Maintenance } from './maintenance.ts';
import { plannedWork } from './planned-work.ts';

const MINUTE_MS = 60_000;

function open(...matchers: readonly string[]): Maintenance {
  const maintenance = new Maintenance({
    database: openState(':memory:'),
    wallMs: () => 0,
    newUlid: () => '01',
    log: silentLogger,
  });
  maintenance.create({
    name: 'work',
    matchers: matchers.map(parseMatcher),
    schedule: { kind: 'once', startsMs: MINUTE_MS, endsMs: 3 * MINUTE_MS },
    createdBy: 'ann',
    comment: '',
  });
  return maintenance;
}

it.each([
  ['every host, of a window without matchers', [], true],
  ['by its name', ['host="web-1"'], true],
  ['by its id', ['host_id="a1"'], true],
  ['by the label of its series', ['instance=~"web-.*"'], true],
  ['by the alert', ['alertname="HostDown"'], true],
  ['not another host', ['host="web-2"'], false],
  ['not for other alerts', ['alertname="DiskFull"'], false],
  ['not for one file system', ['host="web-1"', 'mountpoint="/"'], false],
] as const)('finds the host: %s', (_what, matchers, isFound) => {
  const at = plannedWork(open(...matchers), (id) => (id === 'a1' ? 'web-1' : undefined));
  expect(at(2 * MINUTE_MS)('a1')).toBe(isFound);
  expect(at(2 * MINUTE_MS)('gone')).toBe(false);
  expect(at(MINUTE_MS - 1)('a1')).toBe(false);
  expect(at(3 * MINUTE_MS)('a1')).toBe(false);
});
