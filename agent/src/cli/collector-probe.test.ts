import { createServer, type RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { parseEndpoint } from '../link/endpoint.ts';
import { probeCollector } from './collector-probe.ts';

async function withServer<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return await use(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function probe(url: string) {
  const endpoint = parseEndpoint(url, { isInsecureAllowed: false });
  return probeCollector({ endpoint, ca: undefined, clock: systemClock });
}

describe('probeCollector', () => {
  it('asks for the health and reads the clock of the answer', async () => {
    const asked: (string | undefined)[] = [];
    const answer = await withServer(
      (request, response) => {
        asked.push(request.url, request.headers['user-agent']);
        response.setHeader('Date', new Date(systemClock.wallMs() + 3_600_000).toUTCString()).end('ok\n');
      },
      (url) => probe(`${url}/prefix/`),
    );
    expect(asked).toEqual(['/prefix/healthz', undefined]);
    expect(answer.statusCode).toBe(200);
    expect(Math.abs((answer.clockOffsetMs ?? 0) - 3_600_000)).toBeLessThanOrEqual(
      answer.clockUncertaintyMs + 50,
    );
    expect(answer.certificateUntilMs).toBeUndefined();
  });

  it('knows no time where none is told', async () => {
    const listener: RequestListener = (_, response) => {
      response.sendDate = false;
      response.statusCode = 404;
      response.end();
    };
    expect(await withServer(listener, probe)).toMatchObject({ statusCode: 404, clockOffsetMs: undefined });
  });

  it('says what is wrong with the network', async () => {
    const url = await withServer(
      (_, response) => response.end(),
      (each) => Promise.resolve(each),
    );
    await expect(probe(url)).rejects.toMatchObject({
      code: 'COLLECTOR_UNREACHABLE',
      cause: { code: 'ECONNREFUSED' },
    });
    await expect(withServer((request) => request.socket.destroy(), probe)).rejects.toMatchObject({
      code: 'COLLECTOR_UNREACHABLE',
    });
  });
});
