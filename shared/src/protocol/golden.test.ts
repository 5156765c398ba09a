import { describe, expect, it } from 'vitest';
import { readGolden } from '../testing/golden.ts';
import { HANDSHAKE, WIRE_EXAMPLES } from '../testing/wire-examples.ts';
import { decodeEnrollAnswer, decodeEnrollRequest } from './enroll.ts';
import { decodeFrame } from './frame.ts';
import { decodeHello, decodeWelcome } from './handshake.ts';
import { enrolledMessage, enrollMessage, helloMessage, verifyBytes, welcomeMessage } from './identity.ts';
import { PROTOCOL_VERSION } from './version.ts';

const golden = readGolden(PROTOCOL_VERSION);

function goldenOf(name: string): Buffer {
  const bytes = golden.get(name);
  if (bytes === undefined) throw new Error(`no golden file ${name}: run node shared/src/testing/golden.ts`);
  return bytes;
}

describe('golden files of version 1', () => {
  it('has one per example and no others', () => {
    expect(new Set(golden.keys())).toEqual(new Set(WIRE_EXAMPLES.map(({ name }) => name)));
  });

  it.each(WIRE_EXAMPLES)('still reads $name', ({ name, value, decode }) => {
    expect(decode(goldenOf(name))).toEqual(value);
  });

  it.each(WIRE_EXAMPLES.filter(({ isByteStable }) => isByteStable))(
    'still writes $name',
    ({ name, bytes }) => {
      expect(bytes.toString('hex')).toBe(goldenOf(name).toString('hex'));
    },
  );

  it('keeps negative zero, which equality above does not see', () => {
    const example = WIRE_EXAMPLES.find(({ name }) => name === 'record-samples');
    const blocks = example?.decode(goldenOf('record-samples'));
    expect(blocks).toMatchObject([{ values: { 0: -0 } }, {}, {}]);
  });

  it('has signatures that still verify', () => {
    const { agent, collector, agentId, agentNonce, collectorNonce, channelBinding } = HANDSHAKE;
    const parts = { agentId, agentNonce, collectorNonce, channelBinding };
    const hello = decodeHello(decodeFrame(goldenOf('hello')).body);
    const welcome = decodeWelcome(decodeFrame(goldenOf('welcome')).body);
    const request = decodeEnrollRequest(goldenOf('enroll-request'));
    const answer = decodeEnrollAnswer(goldenOf('enroll-answer'));
    const { publicKey } = agent;
    const proven = enrollMessage({ token: request.token, publicKey, channelBinding });
    const enrolled = enrolledMessage({ publicKey, json: answer.json });
    expect(verifyBytes(publicKey, helloMessage({ ...parts, json: hello.json }), hello.signature)).toBe(true);
    expect(
      verifyBytes(collector.publicKey, welcomeMessage({ ...parts, json: welcome.json }), welcome.signature),
    ).toBe(true);
    expect(verifyBytes(publicKey, proven, request.proof)).toBe(true);
    expect(verifyBytes(collector.publicKey, enrolled, answer.signature)).toBe(true);
  });
});
