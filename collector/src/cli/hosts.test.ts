import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { showAvailability } from './hosts.ts';

const NOW_MS = Date.UTC(2026, 0, 31);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const FIGURES = {
  upMs: 86_300_000,
  downMs: 100_000,
  plannedMs: 0,
  unknownMs: 0,
  availableRatio: 86_300_000 / 86_400_000,
  spans: [{ fromMs: 1, toMs: 2, state: 'up', reason: 'welcomed' }],
  omittedSpans: 0,
};
const hostOf = (digit: string) => ({
  id: digit.repeat(32),
  name: `web-${digit}`,
  state: 'up',
  lastSeenMs: 1,
  agentVersion: '1',
  keyConflictMs: null,
  revokedMs: null,
});

/** A collector with two hosts; the figures of the second are refused with this status and code. */
async function fakeCollector(status: number, code: string, figures = FIGURES): Promise<string> {
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const answer = (code: number, value: unknown) => response.writeHead(code).end(JSON.stringify(value));
    if (path === '/v1/hosts') answer(200, { hosts: [hostOf('1'), hostOf('2')], next: null });
    else if (path.includes('2222')) answer(status, { error: { code, message: 'came and went too often' } });
    else answer(200, { hostId: '1', fromMs: 0, toMs: NOW_MS, seen: figures, corrected: figures });
  }).listen(0, '127.0.0.1');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

describe('host availability', () => {
  const show = (url: string, isJson: boolean) =>
    showAvailability({ url, token: undefined }, undefined, {
      times: { range: '1d', from: undefined, to: undefined },
      isJson,
      nowMs: NOW_MS,
    });

  it('tells of each host, also why one has no figures', async () => {
    const url = await fakeCollector(413, 'LIMIT_EXCEEDED');
    expect(await show(url, false)).toMatch(
      /^HOST +AVAILABLE .*\nweb-1 +99\.884 % .*\nweb-2: came and went too often\n$/,
    );
    const told: unknown = JSON.parse(await show(url, true));
    expect(told).toEqual([
      expect.objectContaining({ name: 'web-1', hostId: '1', corrected: FIGURES }),
      {
        name: 'web-2',
        hostId: '2'.repeat(32),
        error: { code: 'LIMIT_EXCEEDED', message: 'came and went too often' },
      },
    ]);
  });

  it.each([
    [0.99884, '99.884 %'],
    [1, '100.000 %'],
    [1 - 1 / 2_592_000, '99.999 %'],
    [0.57, '57.000 %'],
    [0.65531, '65.531 %'],
  ])('rounds %d as the page does', async (availableRatio, text) => {
    const url = await fakeCollector(413, 'LIMIT_EXCEEDED', { ...FIGURES, availableRatio });
    expect(await show(url, false)).toContain(`web-1  ${text}`);
  });

  it('fails when the collector does', async () => {
    const url = await fakeCollector(503, 'STORAGE_UNAVAILABLE');
    await expect(show(url, true)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });
});
