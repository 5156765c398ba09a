import { expect, test } from 'vitest';
import { changeFor, changesOf, refusalWords, TEXT_LENGTH_MAX } from './change.ts';

const ann = { by: 'ann', atMs: 1, untilMs: null };

test.each([
  ['an open one', { status: 'open', acknowledgement: null }, 'ack comment close'],
  ['one that somebody has taken', { status: 'open', acknowledgement: ann }, 'comment unack close'],
  ['one that is over', { status: 'resolved', acknowledgement: ann }, 'comment'],
] as const)('offers what fits %s', (_what, incident, wanted) => {
  expect(changesOf(incident).join(' ')).toBe(wanted);
});

test.each([
  ['ack', '', { kind: 'ack', note: '' }],
  ['ack', ' on it \n', { kind: 'ack', note: 'on it' }],
  ['unack', 'whatever', { kind: 'unack' }],
  ['comment', ' a\nb ', { kind: 'comment', text: 'a\nb' }],
  ['comment', ' \n', { problem: 'Write the comment first.' }],
  ['close', 'false alarm', { kind: 'close', reason: 'false alarm' }],
  ['close', '', { problem: 'Write why it is closed first.' }],
  ['close', 'x'.repeat(257), { problem: '257 characters are too many: 256 are allowed.' }],
] as const)('%s with %j', (kind, text, wanted) => {
  expect(changeFor(kind, text)).toEqual(wanted);
});

test('takes texts as long as the API does', () => {
  for (const kind of ['ack', 'comment', 'close'] as const)
    expect(changeFor(kind, 'x'.repeat(TEXT_LENGTH_MAX[kind]))).not.toHaveProperty('problem');
});

test.each([
  [401, 'changing incidents needs an access token', true],
  [403, 'the token is for reading', true],
  [409, 'the incident is over', false],
] as const)('says why it was refused with %i', (status, message, isTokenRefused) => {
  const refusal = refusalWords({ kind: 'refused', status, code: 'X', message });
  expect(refusal.isTokenRefused).toBe(isTokenRefused);
  expect(refusal.words).toContain(message);
});

test('says that nothing was changed when there was no answer', () => {
  expect(refusalWords({ kind: 'unreachable', message: 'the collector does not answer' })).toEqual({
    words: 'Nothing was changed: the collector does not answer.',
    isTokenRefused: false,
  });
});
