import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../state/database.ts';
import { openState } from '../../state/state.ts';
import { parseMatcher } from '../routing/matchers.ts';
import { createUlid } from '../ulid.ts';
import { Silences, stateOf, type SilenceDraft } from './silences.ts';

const HOUR_MS = 3_600_000;

function setUp(state: Database = openState(':memory:'), clock = new FakeClock()) {
  const newUlid = createUlid(clock, () => 0.5);
  const silences = new Silences({
    database: state,
    wallMs: () => clock.wallMs(),
    newUlid,
    log: silentLogger,
  });
  const draft = (changes: Partial<SilenceDraft> = {}): SilenceDraft => ({
    matchers: [parseMatcher('team="db"')],
    startsMs: clock.wallMs(),
    endsMs: clock.wallMs() + HOUR_MS,
    createdBy: 'ann',
    comment: 'moving the database',
    ...changes,
  });
  /** Reasons why nobody is told of something with these labels. */
  const reasons = (labels: Record<string, string>): readonly string[] =>
    silences
      .at(clock.wallMs())
      .suppressionsOf({ incidentId: 'i-1', severity: 'page', hostId: null, hostName: null, labels })
      .map(({ reason }) => reason);
  return { state, clock, silences, draft, reasons };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('silences', () => {
  it('hold back what fits all matchers, from their beginning to their end, and say who and until when', async () => {
    const { clock, silences, draft, reasons } = setUp();
    const startsMs = clock.wallMs() + HOUR_MS;
    const matchers = [parseMatcher('team="db"'), parseMatcher('instance=~"db-.*"')];
    const { id } = silences.create(draft({ matchers, startsMs, endsMs: startsMs + HOUR_MS }));
    const labels = { team: 'db', instance: 'db-1' };
    expect(reasons(labels)).toEqual([]);
    await clock.advance(HOUR_MS);
    expect(reasons(labels)).toEqual([`silenced by ann until 2026-01-01 02:00 UTC (silence ${id})`]);
    expect(reasons({ team: 'db', instance: 'web-1' })).toEqual([]);
    await clock.advance(HOUR_MS);
    expect(reasons(labels)).toEqual([]);
  });

  it('survive a restart, and are forgotten long after their end', async () => {
    const { state, clock, silences, draft } = setUp();
    silences.create(draft());
    const later = setUp(state, clock);
    expect(later.reasons({ team: 'db' })).toHaveLength(1);
    await clock.advance(2 * HOUR_MS);
    expect(later.silences.prune()).toBe(0);
    clock.stepWall(91 * 24 * HOUR_MS);
    expect(later.silences.prune()).toBe(1);
    expect(later.silences.list()).toEqual([]);
  });

  it('keep no collector from starting when a pattern of theirs is no longer accepted', () => {
    const { state, clock, silences, draft } = setUp();
    const { id } = silences.create(draft({ matchers: [parseMatcher('team=~"d.*b"')] }));
    const stored = JSON.stringify([{ name: 'team', operator: '=~', value: '.{0,1000}'.repeat(100) }]);
    state.connection.prepare('UPDATE silences SET matchers = ?').run(stored);
    const later = setUp(state, clock);
    expect(later.reasons({ team: 'db' })).toEqual([]);
    expect(later.silences.list()).toHaveLength(1);
    expect(stateOf(later.silences.expire(id), clock.wallMs())).toBe('expired');
  });

  it('end when they are expired, before they begin too; twice does no harm', () => {
    const { clock, silences, draft, reasons } = setUp();
    const active = silences.create(draft());
    const pending = silences.create(draft({ startsMs: clock.wallMs() + 1_000 }));
    for (const { id } of [active, pending]) {
      const expired = silences.expire(id);
      expect(stateOf(expired, clock.wallMs())).toBe('expired');
      expect(silences.expire(id)).toEqual(expired);
    }
    expect(reasons({ team: 'db' })).toEqual([]);
  });

  it('keep their id when only end or words change, and get a new one for other matchers', () => {
    const { clock, silences, draft, reasons } = setUp();
    const first = silences.create(draft());
    const longer = silences.change(
      first.id,
      draft({ endsMs: clock.wallMs() + 2 * HOUR_MS, comment: 'longer' }),
    );
    expect([longer.id, longer.comment]).toEqual([first.id, 'longer']);
    const other = silences.change(first.id, draft({ matchers: [parseMatcher('team="web"')] }));
    expect(other.id).not.toBe(first.id);
    expect(reasons({ team: 'db' })).toEqual([]);
    expect(reasons({ team: 'web' })).toHaveLength(1);
    expect(silences.list()).toHaveLength(2);
  });

  it('cannot begin in the past', () => {
    const { clock, silences, draft } = setUp();
    expect(silences.create(draft({ startsMs: 0 })).startsMs).toBe(clock.wallMs());
  });

  it('have ids in the form of a UUID, all different', () => {
    const { silences, draft } = setUp();
    const ids = Array.from({ length: 20 }, () => silences.create(draft()).id);
    expect(new Set(ids).size).toBe(20);
    expect(ids.every((id) => /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/.test(id))).toBe(
      true,
    );
  });

  it('are refused with what is wrong', () => {
    const { clock, silences, draft } = setUp();
    const create = (changes: Partial<SilenceDraft>): string => refusal(() => silences.create(draft(changes)));
    expect(create({ matchers: [] })).toContain('BAD_REQUEST silence: at least one matcher is needed');
    expect(create({ matchers: [parseMatcher('a=~".*"'), parseMatcher('b=""')] })).toContain('b=""');
    expect(create({ endsMs: clock.wallMs() - 1, startsMs: 0 })).toContain('endsAt must be in the future');
    expect(create({ startsMs: Number.NaN })).toContain('endsAt must be after startsAt');
    expect(create({ createdBy: '  ' })).toContain('createdBy');
    expect(create({ matchers: Array.from({ length: 33 }, () => parseMatcher('a=b')) })).toContain(
      '32 are allowed',
    );
    expect(refusal(() => silences.expire(`' OR 1=1 --`))).toContain('NOT_FOUND');
    expect(refusal(() => silences.change('', draft()))).toContain('NOT_FOUND');
    for (let i = 0; i < 1_000; i++) silences.create(draft());
    expect(create({})).toContain('LIMIT_EXCEEDED');
  });

  it('store names and comments without what can deceive a reader', () => {
    const { silences, draft } = setUp();
    const { id } = silences.create(draft({ createdBy: 'a\u202enn', comment: `x\u0000${'y'.repeat(5_000)}` }));
    const { createdBy, comment } = silences.get(id) ?? {};
    expect([createdBy, comment?.length]).toEqual(['ann', 1_000]);
  });
});
