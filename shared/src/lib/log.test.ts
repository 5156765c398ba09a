import { describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { jsonLogger, silentLogger, type LogFields, type LogLevel } from './log.ts';

function logged(level: LogLevel, fields?: LogFields): string[] {
  const lines: string[] = [];
  const log = jsonLogger({
    clock: new FakeClock(Date.UTC(2026, 0, 1)),
    level,
    write: (line) => lines.push(line),
  });
  log.debug('d', fields);
  log.info('i', fields);
  log.warn('w', fields);
  log.error('e', fields);
  return lines;
}

describe('jsonLogger', () => {
  it('writes one JSON object a line', () => {
    expect(logged('error', { count: 3 })).toEqual([
      '{"time":"2026-01-01T00:00:00.000Z","level":"error","message":"e","count":3}\n',
    ]);
  });

  it('leaves out what is below its level', () => {
    expect(logged('debug')).toHaveLength(4);
    expect(logged('warn')).toHaveLength(2);
  });

  it('escapes all that could forge a line or steer a terminal', () => {
    const hostile = 'a\r\nb\u001b[2J\u009b2J\u007f\u2028\u202ec';
    const [line = ''] = logged('error', { hostile });
    expect(line.trimEnd()).toMatch(/^[\u0020-\u007e]*$/);
    expect(JSON.parse(line)).toMatchObject({ hostile });
  });

  it('survives fields that cannot be printed', () => {
    const ring: Record<string, unknown> = { big: 1n };
    expect(JSON.parse(logged('error', ring)[0] ?? '')).toMatchObject({ big: '1' });
    ring['ring'] = ring;
    expect(JSON.parse(logged('error', ring)[0] ?? '')).toMatchObject({
      message: 'e',
      problem: expect.stringContaining('cannot be printed'),
    });
  });
});

describe('silentLogger', () => {
  it('takes everything', () => {
    expect(() => {
      silentLogger.debug('x');
      silentLogger.info('x');
      silentLogger.warn('x');
      silentLogger.error('x');
    }).not.toThrow();
  });
});
