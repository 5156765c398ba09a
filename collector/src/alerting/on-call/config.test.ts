import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { missingReceivers, momentMs, onCallSchema } from './config.ts';

const HOUR_MS = 3_600_000;

const WHOLE = `
people:
  - { name: anna, receivers: [anna-mail] }
  - { name: ben, receivers: [ben-mail, pager] }
schedules:
  - name: primary
    timeZone: Europe/Berlin
    layers:
      - { name: weeks, people: [anna, ben], start: 2026-01-05 }
      - name: nights
        people: [ben]
        shift: 12h
        start: 2026-01-05
        handover: "18:00"
        hours: [{ days: [sat, sun], from: "22:00", to: "06:00" }]
    overrides:
      - { person: ben, from: 2026-12-24T18:00, to: 2026-12-27T09:00 }
policies:
  - name: default
    repeat: 2
    steps:
      - { notify: [{ schedule: primary }] }
      - { after: 10m, notify: [{ person: ben }, { receiver: pager }] }
`;

function problemsOf(text: string): readonly string[] {
  const result = onCallSchema.safeParse(parse(text));
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('on-call settings', () => {
  it('are read as they are meant', () => {
    const { schedules, policies } = onCallSchema.parse(parse(WHOLE));
    expect(schedules[0]).toMatchObject({
      layers: [
        {
          people: ['anna', 'ben'],
          startWallMs: Date.parse('2026-01-05T09:00Z'),
          shiftMs: 168 * HOUR_MS,
          hours: [],
        },
        {
          shiftMs: 12 * HOUR_MS,
          hours: [{ days: new Set([5, 6]), fromMs: 22 * HOUR_MS, toMs: 6 * HOUR_MS }],
        },
      ],
      // Winter in Berlin.
      overrides: [{ fromMs: Date.parse('2026-12-24T17:00Z'), toMs: Date.parse('2026-12-27T08:00Z') }],
    });
    expect(policies).toEqual([
      {
        name: 'default',
        repeat: 2,
        repeatAfterMs: 900_000,
        steps: [
          { afterMs: 0, targets: [{ kind: 'schedule', name: 'primary' }] },
          {
            afterMs: 600_000,
            targets: [
              { kind: 'person', name: 'ben' },
              { kind: 'receiver', name: 'pager' },
            ],
          },
        ],
      },
    ]);
    expect(onCallSchema.parse({})).toEqual({ people: [], schedules: [], policies: [] });
  });

  it.each([
    [
      'people: [anna, ben], start',
      'people: [anna, zoe], start',
      /schedule "primary", layer "weeks": there is no person "zoe"/,
    ],
    [
      '[{ schedule: primary }]',
      '[{ schedule: other }]',
      /policy "default", step 1: there is no schedule "other"/,
    ],
    ['{ person: ben }, {', '{ person: zoe }, {', /policy "default", step 2: there is no person "zoe"/],
    ['person: ben, from', 'person: zoe, from', /schedule "primary", overrides: there is no person "zoe"/],
    ['name: ben,', 'name: anna,', /people: the name "anna" is used twice/],
    ['Europe/Berlin', 'Mars/Olympus', /schedules.0.timeZone: must be a time zone such as/],
    ['2026-12-27T09:00', '2026-12-23T09:00', /overrides: 2026-12-24T18:00 is not before 2026-12-23T09:00/],
    ['start: 2026-01-05 }', 'start: 2026-02-30 }', /layers.0.start: is no day of the calendar/],
    ['"18:00"', '"25:00"', /handover: must be a time of day/],
    ['shift: 12h', 'shift: 5m', /layers.1.shift/],
    ['after: 10m', 'after: soon', /steps.1.after: must be a span/],
    ['people: [ben]', 'people: []', /layers.1.people: must name somebody/],
    ['repeat: 2', 'repeat: 11', /policies.0.repeat/],
    ['repeat: 2', 'repeats: 2', /policies.0: Unrecognized key/],
    ['{ receiver: pager }', '{ receiver: pager, person: ben }', /must be one of/],
  ])('with %s as %s say what is wrong', (from, to, expected) => {
    expect(WHOLE).toContain(from);
    expect(problemsOf(WHOLE.replace(from, to)).join('\n')).toMatch(expected);
  });

  it('name receivers that must be there', () => {
    const onCall = onCallSchema.parse(parse(WHOLE));
    expect(missingReceivers(onCall, new Set(['anna-mail', 'ben-mail', 'pager']))).toEqual([]);
    expect(missingReceivers(onCall, new Set(['anna-mail', 'ben-mail']))).toEqual([
      'on-call: person "ben": there is no receiver "pager"',
      'on-call: policy "default", step 2: there is no receiver "pager"',
    ]);
  });

  it('take a time with its own offset as that', () => {
    expect(momentMs('2026-07-01T12:00', 'Europe/Berlin')).toBe(Date.parse('2026-07-01T10:00Z'));
    expect(momentMs('2026-07-01T12:00Z', 'Europe/Berlin')).toBe(Date.parse('2026-07-01T12:00Z'));
    expect(momentMs('2026-07-01T12:00:30-04:00', 'Europe/Berlin')).toBe(Date.parse('2026-07-01T16:00:30Z'));
  });
});
