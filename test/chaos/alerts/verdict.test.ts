import { describe, expect, it } from 'vitest';
import type { Arrival } from './receivers.ts';
import { judge, type Evidence, type WrittenRow } from './verdict.ts';

const FIRED = { id: 'T1', incidentId: 'i-1', sequence: 1, kind: 'fired', series: 'a' } as const;
const RESOLVED = { id: 'T2', incidentId: 'i-1', sequence: 2, kind: 'resolved', series: 'a' } as const;

function row(transition: { readonly id: string; readonly incidentId: string }): WrittenRow {
  const { id: transitionId, incidentId } = transition;
  return { transitionId, incidentId, receiver: 'r', status: 'delivered', reason: null, digest: null };
}

function arrival(transition: Readonly<Record<'id' | 'incidentId', string>> & { sequence: number }): Arrival {
  const { id, incidentId, sequence } = transition;
  return { receiver: 'r', id, incidentId, sequence, body: id, answer: 'taken' };
}

/** One series that went up and down, told as it should be. */
const WELL: Evidence = {
  flips: new Map([['a', 2]]),
  receivers: ['r'],
  transitions: [FIRED, RESOLVED],
  rows: [row(FIRED), row(RESOLVED)],
  arrivals: [arrival(FIRED), arrival(RESOLVED)],
  repeatsMax: 0,
};

function problems(change: Partial<Evidence>): readonly string[] {
  const { lost, doubled, wrong } = judge({ ...WELL, ...change });
  return [
    ...lost.map((text) => `lost: ${text}`),
    ...doubled.map((text) => `doubled: ${text}`),
    ...wrong.map((text) => `wrong: ${text}`),
  ];
}

describe('the verdict on alerts', () => {
  it('is content with what is well, and counts the ends', () => {
    expect(problems({})).toEqual([]);
    expect(judge(WELL).ends).toEqual({ delivered: 2 });
  });

  it.each<[string, Partial<Evidence>, RegExp]>([
    ['a change without transition', { flips: new Map([['a', 3]]) }, /^lost: a changed 3 times/],
    ['a transition too many', { flips: new Map([['a', 1]]) }, /^doubled: a changed 1 times/],
    [
      'a transition of the wrong kind',
      { transitions: [FIRED, { ...RESOLVED, kind: 'fired' }] },
      /^doubled: a changed 2 times/,
    ],
    ['a transition without a row', { rows: [row(FIRED)] }, /^lost: T2 at r has no row/],
    [
      'a row that still waits',
      { rows: [row(FIRED), { ...row(RESOLVED), status: 'waiting' }] },
      /^lost: T2 at r is still waiting/,
    ],
    ['a delivery that never came', { arrivals: [arrival(FIRED)] }, /^lost: T2 at r is delivered and never/],
    [
      'an end without a reason',
      { rows: [row(FIRED), { ...row(RESOLVED), status: 'dead' }] },
      /^wrong: T2 at r is dead, nobody says why/,
    ],
    [
      'something suppressed that came',
      { rows: [row(FIRED), { ...row(RESOLVED), status: 'suppressed', reason: 'silence' }] },
      /wrong: T2 at r is suppressed and came/,
    ],
    [
      'something suppressed that nothing suppresses',
      {
        rows: [row(FIRED), { ...row(RESOLVED), status: 'suppressed', reason: 'flapping' }],
        arrivals: [arrival(FIRED)],
      },
      /^wrong: T2 at r is suppressed: flapping$/,
    ],
    [
      'news that was to come with the end of an incident, which nobody got',
      {
        rows: [FIRED, RESOLVED].map((one) => ({ ...row(one), status: 'superseded', reason: 'with its end' })),
        arrivals: [],
      },
      /^lost: T1 at r: what was to tell of it was not told/,
    ],
    [
      'a digest that nobody got',
      {
        rows: [{ ...row(FIRED), status: 'superseded', reason: 'digest', digest: 'i-9' }, row(RESOLVED)],
        arrivals: [arrival(RESOLVED)],
      },
      /^lost: T1 at r: what was to tell of it was not told/,
    ],
    [
      'a wrong order',
      { arrivals: [arrival(RESOLVED), arrival(FIRED)] },
      /^wrong: T1 at r came after a later one/,
    ],
    [
      'another id for the same transition',
      { arrivals: [...WELL.arrivals, { ...arrival(RESOLVED), id: 'T3' }] },
      /doubled: T3 at r: its transition came under another id/,
    ],
    [
      'another text under the same id',
      { arrivals: [...WELL.arrivals, { ...arrival(RESOLVED), body: 'x' }], repeatsMax: 1 },
      /^wrong: T2 at r came with another text/,
    ],
    [
      'what was never written down',
      { arrivals: [...WELL.arrivals, { ...arrival(FIRED), id: 'T9', incidentId: 'i-9' }] },
      /^wrong: T9 at r tells of i-9 1/,
    ],
    [
      'repeats that no kill explains',
      { arrivals: [...WELL.arrivals, arrival(RESOLVED)] },
      /^doubled: 1 messages came again/,
    ],
  ])('finds %s', (_what, change, expected) => {
    expect(problems(change).join('\n')).toMatch(expected);
  });

  it('lets messages come again that a failure or a kill cut off', () => {
    const again: Arrival = { ...arrival(RESOLVED), answer: 'unanswered' };
    expect(problems({ arrivals: [arrival(FIRED), again, arrival(RESOLVED)] })).toEqual([]);
    expect(problems({ arrivals: [...WELL.arrivals, arrival(RESOLVED)], repeatsMax: 1 })).toEqual([]);
  });
});
