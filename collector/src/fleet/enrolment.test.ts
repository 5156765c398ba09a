import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { decodeEnrollAnswer, encodeEnrollRequest } from '@rollcall/shared/protocol/enroll.ts';
import {
  enrolledMessage,
  enrollMessage,
  generateIdentity,
  signBytes,
  verifyBytes,
} from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { openState } from '../state/state.ts';
import { Enrolment, type EnrolmentOutcome } from './enrolment.ts';
import { Hosts } from './hosts.ts';
import { EnrolmentTokens } from './tokens.ts';

const PEER = { address: '192.0.2.1', channelBinding: Buffer.alloc(0) };

function setUp() {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const identity = generateIdentity();
  const hosts = new Hosts({ database, clock, log: silentLogger });
  const tokens = new EnrolmentTokens({ database, clock, randomBytes });
  const outcomes: EnrolmentOutcome[] = [];
  const enrolment = new Enrolment({
    database,
    tokens,
    hosts,
    identity,
    storeId: 'store-1',
    clock,
    randomBytes,
    log: silentLogger,
    counted: (outcome) => outcomes.push(outcome),
  });
  return { clock, database, identity, hosts, tokens, enrolment, outcomes };
}

function requestOf(
  token: string,
  options: { identity?: ReturnType<typeof generateIdentity>; binding?: Buffer } = {},
) {
  const identity = options.identity ?? generateIdentity();
  const channelBinding = options.binding ?? Buffer.alloc(0);
  return encodeEnrollRequest({
    token,
    publicKey: identity.publicKey,
    proof: signBytes(identity, enrollMessage({ token, publicKey: identity.publicKey, channelBinding })),
    hostName: 'web-1',
    machineId: 'machine-1',
    agentVersion: '1.0.0',
    platform: 'linux',
  });
}

describe('Enrolment', () => {
  it('answers a good request with a signed identity', async () => {
    const { enrolment, tokens, hosts, identity, outcomes } = setUp();
    const agent = generateIdentity();
    const { token } = tokens.create({ creator: 'ada' });
    const { status, body } = await enrolment.enrol(requestOf(token.reveal(), { identity: agent }), PEER);
    expect(status).toBe(200);
    const { answer, json, signature } = decodeEnrollAnswer(body);
    const message = enrolledMessage({ publicKey: agent.publicKey, json });
    expect(verifyBytes(identity.publicKey, message, signature)).toBe(true);
    expect(answer.storeId).toBe('store-1');
    expect(answer.identityKeys).toEqual([identity.publicKey]);
    expect(hosts.get(answer.agentId.toString('hex'))).toMatchObject({
      name: 'web-1',
      machineId: 'machine-1',
    });
    expect(outcomes).toEqual(['enrolled']);
  });

  it('lets exactly one of many in who redeem a token of one use together', async () => {
    const { enrolment, tokens, hosts, clock } = setUp();
    const token = tokens.create({ creator: 'ada' }).token.reveal();
    const replies = Array.from({ length: 8 }, () => enrolment.enrol(requestOf(token), PEER));
    await clock.advance(1_000);
    const statuses = (await Promise.all(replies)).map((reply) => reply.status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 403)]);
    expect(hosts.count).toBe(1);
    expect(tokens.list()[0]?.uses).toBe(1);
  });

  it('gives an agent whose answer was lost the same identity again, without another use', async () => {
    const { enrolment, tokens, hosts } = setUp();
    const agent = generateIdentity();
    const token = tokens.create({ creator: 'ada', usesMax: 2 }).token.reveal();
    const first = await enrolment.enrol(requestOf(token, { identity: agent }), PEER);
    const second = await enrolment.enrol(requestOf(token, { identity: agent }), PEER);
    expect(decodeEnrollAnswer(second.body).answer).toEqual(decodeEnrollAnswer(first.body).answer);
    expect([hosts.count, tokens.list()[0]?.uses]).toEqual([1, 1]);
  });

  it('never takes over a host that looks the same', async () => {
    const { enrolment, tokens, hosts } = setUp();
    const token = tokens.create({ creator: 'ada', usesMax: 2 }).token.reveal();
    await enrolment.enrol(requestOf(token), PEER);
    await enrolment.enrol(requestOf(token), PEER);
    const { hosts: listed } = hosts.list({ limit: 10 });
    expect(listed.map((host) => host.name)).toEqual(['web-1', expect.stringMatching(/^web-1-[0-9a-f]{6}$/)]);
  });

  it('answers every refusal alike and late, and takes no use', async () => {
    const { enrolment, tokens, clock, hosts } = setUp();
    const good = tokens.create({ creator: 'ada' });
    const other = generateIdentity();
    const token = good.token.reveal();
    const expired = tokens.create({ creator: 'ada', lifetimeMs: 1_000 }).token.reveal();
    await clock.advance(1_000);
    const revokedHost = generateIdentity();
    const twice = tokens.create({ creator: 'ada', usesMax: 2 }).token.reveal();
    const { body } = await enrolment.enrol(requestOf(twice, { identity: revokedHost }), PEER);
    hosts.revoke(decodeEnrollAnswer(body).answer.agentId.toString('hex'));
    const requests = [
      Buffer.alloc(0),
      Buffer.alloc(17_000, 0x20),
      Buffer.from('{"__proto__":{}}'),
      requestOf('rce1_nonsense'),
      requestOf(expired),
      requestOf(token, { binding: Buffer.alloc(32, 1) }),
      Buffer.from(requestOf(token).toString().replace('web-1', 'web-1","admin":"yes')),
      requestOf(twice, { identity: revokedHost }),
      requestOf(token, { identity: revokedHost }),
    ];
    const replies = requests.map((request) => enrolment.enrol(request, PEER));
    const settled = await Promise.race([
      Promise.any(replies),
      clock.advance(999).then(() => 'waiting' as const),
    ]);
    expect(settled).toBe('waiting');
    await clock.advance(1);
    const bodies = new Set(
      (await Promise.all(replies)).map(({ status, body }) => `${status} ${body.toString()}`),
    );
    expect(bodies.size).toBe(1);
    expect([...bodies][0]).toMatch(/^403 .*ENROLL_REFUSED/);
    const proof = requestOf(token, { identity: other });
    expect((await enrolment.enrol(proof, { ...PEER, address: '192.0.2.2' })).status).toBe(200);
  });

  it('slows an address down after ten refusals, and no other one', async () => {
    const { enrolment, clock } = setUp();
    const bad = () => enrolment.enrol(Buffer.from('{}'), PEER);
    const replies = Array.from({ length: 10 }, bad);
    await clock.advance(1_000);
    expect((await Promise.all(replies)).every((reply) => reply.status === 403)).toBe(true);
    expect((await bad()).status).toBe(429);
    const elsewhere = enrolment.enrol(Buffer.from('{}'), { ...PEER, address: '192.0.2.77' });
    await clock.advance(60_000);
    expect((await elsewhere).status).toBe(403);
    const later = bad();
    await clock.advance(1_000);
    expect((await later).status).toBe(403);
  });

  it('says that it cannot when the database does not write', async () => {
    const { enrolment, tokens, database, hosts } = setUp();
    const token = tokens.create({ creator: 'ada' }).token.reveal();
    database.connection.exec('PRAGMA query_only = ON');
    expect((await enrolment.enrol(requestOf(token), PEER)).status).toBe(503);
    database.connection.exec('PRAGMA query_only = OFF');
    expect(hosts.count).toBe(0);
    expect((await enrolment.enrol(requestOf(token), PEER)).status).toBe(200);
  });
});
