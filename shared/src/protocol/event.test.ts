import { expect, it } from 'vitest';
import * as fc from 'fast-check';
import { thrownCode } from '../testing/thrown.ts';
import { decodeEvent, encodeEvent, type AgentEvent } from './event.ts';
import { LIMITS } from './limits.ts';
import { PROGRAM_NAME_LENGTH_MAX, PROGRAMS_MAX, type Program } from './processes.ts';

const START: AgentEvent = { kind: 'start', isClean: false, lastMs: 1, isOtherBoot: true, isDamaged: false };

it.each<AgentEvent>([START, { ...START, lastMs: null, isClean: true, isDamaged: true }, { kind: 'stop' }])(
  'reads back %o',
  (event) => {
    expect(decodeEvent(encodeEvent(event))).toEqual(event);
  },
);

const name = fc
  .array(fc.constantFrom('a', '"', '\\', '世', '<b>', '👩'), { maxLength: PROGRAM_NAME_LENGTH_MAX })
  .map((letters) => letters.join('').slice(0, PROGRAM_NAME_LENGTH_MAX).toWellFormed());
const amount = fc.option(fc.maxSafeNat());
const program: fc.Arbitrary<Program> = fc.record({
  name,
  count: fc.integer({ min: 1, max: 4_194_304 }),
  pid: fc.integer({ min: 1, max: 4_194_304 }),
  cpus: fc.nat(1_000_000).map((value) => value / 1_000),
  memoryBytes: amount,
  readBytesPerSecond: amount,
  writtenBytesPerSecond: amount,
});

it('carries any programs, as many as there may be, within the limit of an event', () => {
  const programs = fc.array(program, { maxLength: PROGRAMS_MAX, size: 'max' });
  fc.assert(
    fc.property(programs, fc.integer({ min: 1, max: 86_400_000 }), (list, spanMs) => {
      const event: AgentEvent = { kind: 'processes', spanMs, programs: list };
      const bytes = encodeEvent(event);
      expect(bytes.length).toBeLessThanOrEqual(LIMITS.eventBytes);
      expect(decodeEvent(bytes)).toEqual(event);
    }),
  );
});

it('cleans the names of programs, whoever sent them', () => {
  const each = '"count":1,"pid":1,"cpus":0.5,"memory":null,"read":null,"written":null';
  const text = `{"event":"processes","spanMs":1,"programs":[{"name":"a\\u0000\\u202e<b>\\n",${each}}]}`;
  expect(decodeEvent(Buffer.from(text))).toMatchObject({ programs: [{ name: 'a<b>' }] });
});

it('ignores events and fields of newer versions', () => {
  expect(decodeEvent(Buffer.from('{"event":"moved","to":"b"}'))).toBeUndefined();
  expect(decodeEvent(Buffer.from('{"event":"stop","why":"b"}'))).toEqual({ kind: 'stop' });
});

it.each([
  ['no JSON', ''],
  ['no event', '{}'],
  ['a text for a number', '{"event":"start","clean":true,"lastMs":"1","rebooted":false,"damaged":false}'],
  ['a time before time', '{"event":"start","clean":true,"lastMs":-1,"rebooted":false,"damaged":false}'],
  ['no span', '{"event":"processes","programs":[]}'],
  ['no list', '{"event":"processes","spanMs":1,"programs":{}}'],
  ['too many programs', `{"event":"processes","spanMs":1,"programs":[${'{},'.repeat(PROGRAMS_MAX)}{}]}`],
  ['a long name', `{"event":"processes","spanMs":1,"programs":[{"name":"${'x'.repeat(33)}"}]}`],
  ['a program that is none', '{"event":"processes","spanMs":1,"programs":[7]}'],
])('refuses %s', (_what, text) => {
  expect(thrownCode(() => decodeEvent(Buffer.from(text)))).toBe('PROTOCOL_ERROR');
});
