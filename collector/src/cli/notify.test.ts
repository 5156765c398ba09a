import { createServer } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { loadConfig } from '../config/load.ts';
import { testReceiver } from './notify.ts';

const seen: string[] = [];
let status = 200;
const server = createServer((request, response) => {
  request.setEncoding('utf8');
  request.on('data', (text: string) => seen.push(text));
  request.on('end', () => {
    response.statusCode = status;
    response.end('ok');
  });
});
let port = 0;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => void server.close());

function configOf(kind = 'slack') {
  const environment = {
    ROLLCALL_RECEIVERS: JSON.stringify([{ kind, name: 'chat', url: `http://127.0.0.1:${port}/hook` }]),
    ROLLCALL_ALLOW_PRIVATE_TARGETS: '[127.0.0.0/8]',
    ROLLCALL_ALLOW_TARGET_PORTS: `[${port}]`,
  };
  return loadConfig({ flags: {}, environment, file: undefined });
}

describe('notify test', () => {
  it('sends one message and says how it went', async () => {
    status = 200;
    expect(await testReceiver(configOf(), 'chat', systemClock)).toMatch(
      /^chat took the test message \(200, \d+ ms\)\n$/,
    );
    expect(seen.join('')).toContain('Test message of Rollcall');
  });

  it('says what the receiver answered', async () => {
    status = 404;
    await expect(testReceiver(configOf(), 'chat', systemClock)).rejects.toThrow(
      'chat did not take the test message: the receiver answered 404: ok',
    );
  });

  it('names the receivers that there are', async () => {
    await expect(testReceiver(configOf(), 'pager', systemClock)).rejects.toThrow(
      'no receiver "pager" is configured, there are: chat',
    );
  });
});
