import { expect, it } from 'vitest';
import { thrownCode } from '../testing/thrown.ts';
import { decodeEvent, encodeEvent, type AgentEvent } from './event.ts';

const START: AgentEvent = { kind: 'start', isClean: false, lastMs: 1, isOtherBoot: true, isDamaged: false };

it.each<AgentEvent>([START, { ...START, lastMs: null, isClean: true, isDamaged: true }, { kind: 'stop' }])(
  'reads back %o',
  (event) => {
    expect(decodeEvent(encodeEvent(event))).toEqual(event);
  },
);

it('ignores events and fields of newer versions', () => {
  expect(decodeEvent(Buffer.from('{"event":"moved","to":"b"}'))).toBeUndefined();
  expect(decodeEvent(Buffer.from('{"event":"stop","why":"b"}'))).toEqual({ kind: 'stop' });
});

it.each([
  ['no JSON', ''],
  ['no event', '{}'],
  ['a text for a number', '{"event":"start","clean":true,"lastMs":"1","rebooted":false,"damaged":false}'],
  ['a time before time', '{"event":"start","clean":true,"lastMs":-1,"rebooted":false,"damaged":false}'],
])('refuses %s', (_what, text) => {
  expect(thrownCode(() => decodeEvent(Buffer.from(text)))).toBe('PROTOCOL_ERROR');
});
