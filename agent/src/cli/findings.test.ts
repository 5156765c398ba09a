import { describe, expect, it } from 'vitest';
import { canonicalSection, NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { HostError, type HostErrorKind } from '../host/host.ts';
import { sampleErrorCode } from '../samplers/failure.ts';
import { Readings } from '../samplers/readings.ts';
import type { SamplerResult } from '../scheduler/sampler-run.ts';
import { collectorFindings, connectionFinding, inventoryFindings, isBad } from './findings.ts';
import { samplerFinding } from './sampler-findings.ts';

const DAY_MS = 86_400_000;
const ANSWER = {
  statusCode: 200,
  roundTripMs: 12.4,
  clockOffsetMs: 300,
  clockUncertaintyMs: 510,
  certificateUntilMs: undefined,
};

function states(findings: readonly { readonly name: string; readonly state: string }[]): string[] {
  return findings.map(({ name, state }) => `${name} ${state}`);
}

describe('connectionFinding', () => {
  it.each([
    [
      { phase: 'LIVE', connectedSinceMs: 0, endReason: null },
      'ok',
      'connected since 1970-01-01T00:00:00.000Z',
    ],
    [{ phase: 'IDLE', connectedSinceMs: null, endReason: null }, 'warning', 'not connected yet (IDLE)'],
    [
      { phase: 'BACKOFF', connectedSinceMs: null, endReason: 'revoked' },
      'failed',
      'not connected (BACKOFF); revoked',
    ],
  ])('of %j is %s', (report, state, detail) => {
    expect(connectionFinding(report)).toEqual({ state, detail });
  });
});

describe('collectorFindings', () => {
  const url = 'https://monitor.example.org';
  const find = (more: Partial<Parameters<typeof collectorFindings>[0]>) =>
    collectorFindings({ ...ANSWER, ...more }, url, 0);

  it('is content with a collector that answers and a clock that is right', () => {
    const findings = find({ certificateUntilMs: 60 * DAY_MS });
    expect(states(findings)).toEqual(['collector ok', 'certificate ok', 'clock ok']);
    expect(findings.map(({ detail }) => detail)).toEqual([
      'https://monitor.example.org answers within 12 ms',
      'trusted, ends on 1970-03-02 (in 60 d)',
      "within 1 s of the collector's",
    ]);
    expect(findings.some(isBad)).toBe(false);
  });

  it.each([
    [{ statusCode: 404 }, 'collector failed'],
    [{ certificateUntilMs: 3 * DAY_MS }, 'certificate warning'],
    [{ certificateUntilMs: -DAY_MS }, 'certificate failed'],
    [{ clockOffsetMs: 30_000 }, 'clock warning'],
    [{ clockOffsetMs: -3_600_000 }, 'clock failed'],
    [{ clockOffsetMs: undefined }, 'clock absent'],
    // What may be an error of measuring is not held against the clock.
    [{ clockOffsetMs: 8_000, clockUncertaintyMs: 5_000 }, 'clock ok'],
  ])('finds with %j: %s', (more, expected) => {
    expect(states(find(more))).toContain(expected);
  });
});

describe('inventoryFindings', () => {
  it('tells sections that were read from those kept from this user, that failed and that are excluded', () => {
    const reading = {
      sections: [
        canonicalSection({ name: 'os', content: { a: 1 } }),
        canonicalSection({ name: 'users', content: { rules: NOT_READABLE, list: [{ a: NOT_READABLE }] } }),
      ],
      missing: [
        { name: 'printers', reason: 'open /x: EACCES: permission denied' },
        { name: 'updates', reason: 'run apt-get: not done after 30000 ms' },
      ],
      manifest: { files: [], programs: [] },
    };
    expect(
      inventoryFindings(reading, ['packages']).map(({ name, state, detail }) => [name, state, detail]),
    ).toEqual([
      ['os', 'ok', '7 B'],
      ['users', 'not readable', '54 B; 2 values only as root'],
      ['printers', 'not readable', 'open /x: EACCES: permission denied'],
      ['updates', 'failed', 'run apt-get: not done after 30000 ms'],
      ['packages', 'absent', 'excluded by exclude-section'],
    ]);
  });
});

describe('samplerFinding', () => {
  const nothing = { files: [], programs: [] };
  const times = { sampler: 'load', offsetMs: 0, durationMs: 1 };

  function values(fill: (readings: Readings) => void): SamplerResult {
    const readings = new Readings({ sampler: 'load', intervalMs: 10_000 });
    readings.begin();
    fill(readings);
    return { kind: 'values', ...times, parts: readings.finish(), problems: readings.problems };
  }

  it('counts what was read', () => {
    expect(
      samplerFinding(
        values((readings) => readings.add('node_load1', 1)),
        nothing,
      ),
    ).toMatchObject({
      state: 'ok',
      detail: '1 series',
    });
  });

  it('warns of a part that could not be read', () => {
    const finding = samplerFinding(
      values((readings) => {
        readings.add('node_load1', 1);
        readings.complain('/a.prom', new AppError('READ_FAILED', 'line 1: oops'));
        readings.complain('/b.prom', new AppError('READ_FAILED', 'is not UTF-8'));
      }),
      nothing,
    );
    expect(finding).toMatchObject({ state: 'warning', detail: '/a.prom: line 1: oops, and 1 more problem' });
  });

  it('says why there is nothing', () => {
    const files = ['/a', '/b', '/c', '/d'].map((what) => ({ what, outcome: 'absent' as const }));
    expect(
      samplerFinding(
        values(() => {}),
        { files, programs: [] },
      ),
    ).toMatchObject({
      state: 'absent',
      detail: 'this machine has no /a, /b, /c, and 1 more',
    });
    expect(
      samplerFinding(
        values(() => {}),
        nothing,
      ),
    ).toMatchObject({ state: 'absent' });
    const denied = { files: [{ what: '/a', outcome: 'denied' as const }], programs: [] };
    expect(
      samplerFinding(
        values(() => {}),
        denied,
      ),
    ).toMatchObject({
      state: 'not readable',
      detail: 'kept from this user: /a',
    });
  });

  it('tells values that are kept from this user from those without an answer', () => {
    const some = (code: 1 | 2 | 3 | 4 | 5): SamplerResult =>
      values((readings) => {
        readings.add('node_load1', 1);
        readings.fail('node_load5', code);
      });
    expect(samplerFinding(some(SAMPLE_ERROR.NOT_PERMITTED), nothing)).toMatchObject({
      state: 'not readable',
    });
    expect(samplerFinding(some(SAMPLE_ERROR.TIMEOUT), nothing)).toMatchObject({
      state: 'ok',
      detail: '2 series, 1 value without an answer',
    });
  });

  it.each([
    ['denied', 'not readable'],
    ['io', 'failed'],
  ] as const)('takes a sampler that failed with %s for %s', (kind: HostErrorKind, state) => {
    const error = new HostError(kind, 'open /x');
    const result = { kind: 'failed', ...times, code: sampleErrorCode(error), error, schemas: [] } as const;
    expect(samplerFinding(result, nothing)).toMatchObject({ state, detail: 'open /x' });
  });
});
