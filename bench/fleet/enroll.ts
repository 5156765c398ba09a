/** Enrols a simulated agent over HTTP; it keeps its identity in memory only. */
import {
  enrolledMessage,
  enrollMessage,
  generateIdentity,
  signBytes,
  verifyBytes,
} from '@rollcall/shared/protocol/identity.ts';
import { decodeEnrollAnswer, encodeEnrollRequest } from '@rollcall/shared/protocol/enroll.ts';
import { ENROLL_PATH } from '@rollcall/shared/protocol/version.ts';
import type { NewIdentity } from '../../agent/src/link/identity.ts';

export async function enrollSimulated(options: {
  readonly url: string;
  readonly token: string;
  readonly hostName: string;
}): Promise<NewIdentity> {
  const keys = generateIdentity();
  const { publicKey } = keys;
  const request = encodeEnrollRequest({
    token: options.token,
    publicKey,
    proof: signBytes(
      keys,
      enrollMessage({ token: options.token, publicKey, channelBinding: Buffer.alloc(0) }),
    ),
    hostName: options.hostName,
    machineId: '',
    agentVersion: '0.1.0',
    platform: 'linux',
  });
  const response = await fetch(options.url + ENROLL_PATH, { method: 'POST', body: new Uint8Array(request) });
  if (response.status !== 200)
    throw new Error(`enrolment answered ${response.status}: ${await response.text()}`);
  const { answer, json, signature } = decodeEnrollAnswer(Buffer.from(await response.arrayBuffer()));
  const isGenuine = answer.identityKeys.some((key) =>
    verifyBytes(key, enrolledMessage({ publicKey, json }), signature),
  );
  if (!isGenuine) throw new Error('the answer to the enrolment is not signed by the collector');
  return { agentId: answer.agentId, keys, collectorKeys: answer.identityKeys };
}
