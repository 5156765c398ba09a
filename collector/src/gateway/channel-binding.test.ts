import { once } from 'node:events';
import { Socket } from 'node:net';
import { connect, createServer, TLSSocket, type SecureVersion } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { channelBindingOf } from './channel-binding.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './testing/tls.ts';

/** What both ends of one TLS connection compute. */
async function bindingsOf(maxVersion: SecureVersion): Promise<[Buffer, Buffer]> {
  const server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, minVersion: 'TLSv1.2' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const accepted = once(server, 'secureConnection');
  const client = connect({
    port,
    host: '127.0.0.1',
    ca: TEST_CERTIFICATE,
    minVersion: 'TLSv1.2',
    maxVersion,
  });
  await once(client, 'secureConnect');
  const [peer]: unknown[] = await accepted;
  const bindings: [Buffer, Buffer] = [channelBindingOf(client), channelBindingOf(peer)];
  client.destroy();
  if (peer instanceof TLSSocket) peer.destroy();
  server.close();
  return bindings;
}

describe('channelBindingOf', () => {
  it('is the same on both ends of a TLS 1.3 connection, and another one on the next', async () => {
    const [client, server] = await bindingsOf('TLSv1.3');
    expect(client).toHaveLength(32);
    expect(client).toEqual(server);
    expect((await bindingsOf('TLSv1.3'))[0]).not.toEqual(client);
  });

  it('is empty below TLS 1.3 and without TLS', async () => {
    expect((await bindingsOf('TLSv1.2'))[1]).toHaveLength(0);
    expect(channelBindingOf(new Socket())).toHaveLength(0);
  });
});
