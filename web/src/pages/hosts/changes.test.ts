import { expect, test } from 'vitest';
import type { HostState, HostSummary } from '../../../../collector/src/api/types.ts';
import { describeChanges } from './changes.ts';

function host(id: string, state: HostState): HostSummary {
  return {
    id,
    name: `host ${id}`,
    state,
    stateSinceMs: 0,
    lastSeenMs: null,
    enrolledMs: 0,
    os: null,
    agentVersion: null,
    vitals: null,
    openIncidentCount: 0,
    keyConflictMs: null,
    revokedMs: null,
  };
}

const before = new Map<string, HostState>(['a', 'b', 'c', 'd', 'e'].map((id) => [id, 'up']));

test('says nothing while states stay, and nothing of new hosts', () => {
  expect(describeChanges(before, [host('a', 'up'), host('new', 'down')])).toBeNull();
});

test('names a few changes', () => {
  expect(describeChanges(before, [host('a', 'down'), host('b', 'suspect'), host('c', 'up')])).toBe(
    'host a is down, was up. host b is suspect, was up.',
  );
});

test('counts many changes', () => {
  const hosts = [
    host('a', 'down'),
    host('b', 'down'),
    host('c', 'planned'),
    host('d', 'down'),
    host('e', 'up'),
  ];
  expect(describeChanges(before, hosts)).toBe('4 hosts changed: 3 down, 1 planned.');
});
