import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { decide, type Change } from './decide.ts';
import type { FiringInstance, Instance, PendingInstance, Subject } from './instance.ts';
import type { Sight } from './observe.ts';

const NOW = 10_000_000;
const NOW_MONO = 500_000;
const subject: Subject = { key: 'k', labels: Labels.of({ instance: 'a' }), host: { id: '1', name: 'a' } };

function pending(ageMs: number, seenAgoMs = 0): PendingInstance {
  return { phase: 'pending', subject, sinceMs: NOW - ageMs, seenMs: NOW - seenAgoMs };
}

function firing(goneForMs: number | null = null): FiringInstance {
  return {
    phase: 'firing',
    subject,
    sinceMs: NOW - 1,
    incidentId: 'i-1',
    goneSinceMonoMs: goneForMs === null ? null : NOW_MONO - goneForMs,
  };
}

function run(instance: Instance | null, seen: 'raised' | Sight['kind'], forMs = 0): readonly Change[] {
  const sight: Sight =
    seen === 'cleared' ? { kind: 'cleared', value: 1 } : { kind: seen === 'raised' ? 'unknown' : seen };
  return decide({
    forMs,
    instances: new Map(instance === null ? [] : [['k', instance]]),
    observation: {
      raised: new Map(seen === 'raised' ? [['k', { subject, value: 7, sinceMs: null }]] : []),
      sights: new Map(seen === 'raised' ? [] : [['k', sight]]),
    },
    nowMs: NOW,
    nowMonoMs: NOW_MONO,
    limits: { goneAfterMs: 300_000, pendingGapMsMax: 120_000, instancesPerRuleMax: 10 },
  }).changes;
}

/** The changes in short form. */
function kinds(changes: readonly Change[]): string {
  return changes
    .map((change) => {
      switch (change.kind) {
        case 'track':
          return `track ${change.instance.phase}${change.isDurable ? '' : ' in memory'}`;
        case 'resolve':
          return `resolve ${change.reason}`;
        case 'fire':
          return `fire since ${NOW - change.sinceMs}`;
        case 'forget':
          return 'forget';
        default:
          return change satisfies never;
      }
    })
    .join(', ');
}

describe('decide', () => {
  it.each([
    ['fires at once without hold time', null, 'raised', 0, 'fire since 0'],
    ['waits for the hold time', null, 'raised', 60_000, 'track pending'],
    ['keeps waiting without a write', pending(30_000, 5_000), 'raised', 60_000, ''],
    ['writes now and then that it holds on', pending(30_000, 30_000), 'raised', 60_000, 'track pending'],
    ['fires when the hold time is over', pending(60_000, 5_000), 'raised', 60_000, 'fire since 60000'],
    ['starts anew after a gap in the evidence', pending(60_000, 120_001), 'raised', 60_000, 'track pending'],
    ['starts anew when the clock stepped back', pending(-5, -5), 'raised', 60_000, 'track pending'],
    ['forgets a pending alert that cleared', pending(30_000), 'cleared', 60_000, 'forget'],
    ['forgets a pending alert that is no longer raised', pending(30_000), 'between', 60_000, 'forget'],
    ['keeps a pending alert without data for a while', pending(30_000, 60_000), 'unknown', 60_000, ''],
    ['but not for ever', pending(30_000, 120_001), 'unknown', 60_000, 'forget'],
    ['leaves a firing alert alone', firing(), 'raised', 0, ''],
    ['resolves on evidence', firing(), 'cleared', 0, 'resolve cleared'],
    ['stays open between the levels', firing(), 'between', 0, ''],
    ['holds without data', firing(), 'unknown', 0, ''],
    ['starts to wait when the series is gone', firing(), 'gone', 0, 'track firing in memory'],
    ['waits on while the series is gone', firing(299_999), 'gone', 0, ''],
    ['resolves when the series stays gone', firing(300_000), 'gone', 0, 'resolve gone'],
    ['starts that wait anew without data', firing(299_999), 'unknown', 0, 'track firing in memory'],
    ['and when the series is back', firing(299_999), 'between', 0, 'track firing in memory'],
    ['and when the condition holds again', firing(299_999), 'raised', 0, 'track firing in memory'],
  ] as const)('%s', (_name, instance, seen, forMs, expected) => {
    expect(kinds(run(instance, seen, forMs))).toBe(expected);
  });

  it('tracks no more alerts than a rule may have, and says how many it left out', () => {
    const subjects = Array.from({ length: 13 }, (_, i) => ({ ...subject, key: `k${i}` }));
    const { changes, droppedCount } = decide({
      forMs: 0,
      instances: new Map([['old', firing()]]),
      observation: {
        raised: new Map(subjects.map((s) => [s.key, { subject: s, value: 1, sinceMs: null }])),
        sights: new Map(),
      },
      nowMs: NOW,
      nowMonoMs: NOW_MONO,
      limits: { goneAfterMs: 1, pendingGapMsMax: 1, instancesPerRuleMax: 10 },
    });
    expect(changes).toHaveLength(9);
    expect(droppedCount).toBe(4);
  });
});
