import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { decodeEnrollRequest, encodeEnrollAnswer } from '@rollcall/shared/protocol/enroll.ts';
import {
  enrolledMessage,
  enrollMessage,
  generateIdentity,
  signBytes,
  verifyBytes,
} from '@rollcall/shared/protocol/identity.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { parseEndpoint } from '../link/endpoint.ts';
import { channelBindingOf } from '../link/socket.ts';
import { startWsServer, testCertificate } from '../link/testing/ws-server.ts';
import { enroll, type EnrollOptions } from './enroll.ts';
import { readIdentity } from './identity-file.ts';
import { PrivateDir } from './private-dir.ts';

const TOKEN = new Secret(`rce1_${'a'.repeat(16)}_${'s'.repeat(43)}_0123abcd`);
const COLLECTOR = generateIdentity();
const AGENT_ID = Buffer.alloc(16, 7);
const facts = { hostName: 'web-1', machineId: 'm1', agentVersion: '0.1.0', platform: 'linux' };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A server on loopback with this answer; returns its URL. */
async function serve(answer: (body: Buffer, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(Buffer.concat(chunks), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => void server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

function dirIn(path: string): PrivateDir {
  return PrivateDir.open(join(path, 'data'));
}

function optionsFor(url: string, dir: PrivateDir): EnrollOptions {
  const endpoint = parseEndpoint(url, { isInsecureAllowed: false });
  return { clock: systemClock, dir, endpoint, token: TOKEN, ca: undefined, facts, mustRenewKeys: false };
}

/** What a collector does, with its answer signed by `signer`. */
function accept(signer = COLLECTOR, channelBinding: Buffer = Buffer.alloc(0)) {
  return (body: Buffer, response: ServerResponse): void => {
    const { publicKey, proof, token, hostName } = decodeEnrollRequest(body);
    const message = enrollMessage({ token, publicKey, channelBinding });
    const isFine = verifyBytes(publicKey, message, proof) && token === TOKEN.reveal() && hostName === 'web-1';
    const answer = { agentId: AGENT_ID, storeId: 'store', identityKeys: [COLLECTOR.publicKey] };
    response.writeHead(isFine ? 200 : 403, { 'content-type': 'application/json' });
    response.end(
      encodeEnrollAnswer(answer, (json) => signBytes(signer, enrolledMessage({ publicKey, json }))),
    );
  };
}

describe('enrolment', () => {
  it('remembers the whole address, so that the next start finds a collector behind a path', async () => {
    using temp = tempDir();
    const url = await serve(accept());
    const dir = dirIn(temp.path);
    const { url: remembered } = await enroll(optionsFor(`${url}/behind/a-proxy/`, dir));
    expect(remembered).toBe(`${url}/behind/a-proxy`);
    expect(readIdentity(dir)?.url).toBe(remembered);
    expect(parseEndpoint(remembered, { isInsecureAllowed: false }).connectUrl).toContain('/behind/a-proxy/');
  });

  it('stores who the agent is and whom it trusts, for its own user only', async () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    const url = await serve(accept());
    const stored = await enroll(optionsFor(url, dir));
    const read = readIdentity(dir);
    expect(read?.identity.agentId).toEqual(AGENT_ID);
    expect(read?.identity.collectorKeys).toEqual([COLLECTOR.publicKey]);
    expect(read?.keys().current.publicKey).toEqual(stored.keys().current.publicKey);
    expect(read?.url).toBe(url);
    const modes = ['', 'agent.json', 'agent.key'].map((name) => statSync(join(dir.path, name)).mode & 0o777);
    expect(modes).toEqual([0o700, 0o600, 0o600]);
    expect(readFileSync(join(dir.path, 'agent.json'), 'utf8')).not.toContain('sss');
  });

  it('keeps what a session changes', async () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    const stored = await enroll(optionsFor(await serve(accept()), dir));
    stored.store({ generation: 5, storeId: 'other', binding: 'exporter' });
    expect(readIdentity(dir)?.facts()).toEqual({ generation: 5, storeId: 'other', binding: 'exporter' });
  });

  it('uses the same keys again after an attempt that failed, and new ones when told to', async () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    const failing = optionsFor(await serve((_body, response) => void response.writeHead(503).end()), dir);
    await expect(enroll(failing)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', isRetryable: true });
    const before = readFileSync(join(dir.path, 'agent.key'), 'utf8');
    const options = optionsFor(await serve(accept()), dir);
    await enroll(options);
    expect(readFileSync(join(dir.path, 'agent.key'), 'utf8')).toBe(before);
    await enroll({ ...options, mustRenewKeys: true });
    expect(readFileSync(join(dir.path, 'agent.key'), 'utf8')).not.toBe(before);
  });

  it.each([
    ['a token that is refused', 403, 'application/json', '{}', 'ENROLL_REFUSED', /token was refused/],
    [
      'a web page',
      200,
      'text/html',
      '<html>',
      'COLLECTOR_UNREACHABLE',
      /not a Rollcall collector \(HTTP 200, text\/html\)/,
    ],
    ['a page that does not exist', 404, '', '', 'COLLECTOR_UNREACHABLE', /HTTP 404, no content type/],
    [
      'an answer without end',
      200,
      '',
      'x'.repeat(100_000),
      'COLLECTOR_UNREACHABLE',
      /not a Rollcall collector/,
    ],
    ['too many attempts', 429, '', '', 'SLOW_DOWN', /come later/],
  ])('says clearly what is wrong: %s', async (_what, status, type, body, code, message) => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    const headers = type === '' ? {} : { 'content-type': type };
    const url = await serve((_request, response) => void response.writeHead(status, headers).end(body));
    const attempt = enroll(optionsFor(url, dir));
    await expect(attempt).rejects.toMatchObject({ code });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.not.toThrow(/sss/);
    expect(readIdentity(dir)).toBeUndefined();
  });

  it.each([
    ['the TLS session, when the collector shares it', true, 1],
    ['nothing, behind a proxy that ends TLS', false, 2],
  ])('binds the proof to %s', async (_what, isBound, attempts) => {
    using temp = tempDir();
    const tls = testCertificate('localhost');
    let requests = 0;
    const server = await startWsServer({
      tls,
      onRequest: (request, response) => {
        requests++;
        const channelBinding = isBound ? channelBindingOf(request.socket) : undefined;
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => accept(COLLECTOR, channelBinding)(Buffer.concat(chunks), response));
      },
    });
    cleanups.push(() => server.close());
    const options = { ...optionsFor(server.url, dirIn(temp.path)), ca: tls.cert };
    expect((await enroll(options)).identity.agentId).toEqual(AGENT_ID);
    expect(requests).toBe(attempts);
    const untrusted = enroll({ ...options, ca: testCertificate('other').cert });
    await expect(untrusted).rejects.toMatchObject({ code: 'COLLECTOR_UNTRUSTED' });
    await expect(untrusted).rejects.toThrow(/give the authority that signed it as ca-file/);
  });

  it('refuses an answer that the collector did not sign', async () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    const attempt = enroll(optionsFor(await serve(accept(generateIdentity())), dir));
    await expect(attempt).rejects.toMatchObject({ code: 'COLLECTOR_UNTRUSTED' });
    expect(readIdentity(dir)).toBeUndefined();
  });

  it('says that nobody listens', async () => {
    using temp = tempDir();
    const attempt = enroll(optionsFor('http://127.0.0.1:1', dirIn(temp.path)));
    await expect(attempt).rejects.toMatchObject({ code: 'COLLECTOR_UNREACHABLE', isRetryable: true });
  });
});

describe('the data folder', () => {
  it.each([
    ['a key that others may read', 'agent.key', 0o640],
    ['an identity that others may read', 'agent.json', 0o604],
    ['a folder that others may write', '', 0o770],
  ])('is refused with %s', async (_what, name, mode) => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    await enroll(optionsFor(await serve(accept()), dir));
    chmodSync(join(dir.path, name), mode);
    expect(() => readIdentity(dirIn(temp.path))).toThrow(/other users; run: chmod/);
  });

  it('is refused with a link in place of a file', () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    writeFileSync(join(temp.path, 'elsewhere'), '{}', { mode: 0o600 });
    symlinkSync(join(temp.path, 'elsewhere'), join(dir.path, 'agent.json'));
    expect(() => readIdentity(dir)).toThrow(/cannot read/);
  });

  it.each(['', '{', '{"format":2}', '[]', '{"format":1,"agentId":"x"}', 'null', '\u0000'])(
    'says that a damaged identity needs a new enrolment: %j',
    (content) => {
      using temp = tempDir();
      const dir = dirIn(temp.path);
      dir.write('agent.key', generateIdentityPem());
      dir.write('agent.json', content);
      expect(() => readIdentity(dir)).toThrow(/is damaged; enrol with --force/);
    },
  );

  it('says that a key without its identity file, or the other way round, is not enough', () => {
    using temp = tempDir();
    const dir = dirIn(temp.path);
    expect(readIdentity(dir)).toBeUndefined();
    dir.write('agent.json', '{}');
    expect(() => readIdentity(dir)).toThrow(/no agent.key/);
  });

  it('cannot be a file', () => {
    using temp = tempDir();
    writeFileSync(join(temp.path, 'data'), '');
    expect(() => dirIn(temp.path)).toThrow(/data folder|is not a folder/);
  });
});

function generateIdentityPem(): string {
  return generateIdentity().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
