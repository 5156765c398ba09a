import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparationOptions } from '../preparation.ts';
import { prepareInfluxV2, type InfluxV2Address } from './prepare.ts';
import { FAKE_INFLUX, startFakeInfluxV2, type FakeInfluxV2 } from './testing/fake-influx-v2.ts';

let fake: FakeInfluxV2;
beforeEach(async () => {
  fake = await startFakeInfluxV2();
});
afterEach(() => fake.close());

function prepare(address: Partial<InfluxV2Address> = {}, options: Partial<PreparationOptions> = {}) {
  return prepareInfluxV2(
    { url: fake.url, ...FAKE_INFLUX, ...address },
    {
      retentionMs: 86_400_000,
      rollups: [],
      isDryRun: false,
      signal: new AbortController().signal,
      ...options,
    },
  );
}

async function outcomes(...parameters: Parameters<typeof prepare>): Promise<string[]> {
  return (await prepare(...parameters)).map(({ what, outcome }) => `${outcome} ${what}`);
}

describe('prepareInfluxV2', () => {
  it('creates a bucket with its retention, once', async () => {
    const steps = ['created bucket new', 'note rollups'];
    expect((await outcomes({ bucket: 'new' })).slice(1)).toEqual(steps);
    expect(fake.created.get('new')).toBe(86_400);
    expect((await outcomes({ bucket: 'new' })).slice(1)).toEqual(['exists bucket new', 'note rollups']);
  });

  it('changes nothing when it only looks', async () => {
    const steps = await outcomes({ bucket: 'new' }, { isDryRun: true });
    expect(steps.slice(1)).toEqual(['planned bucket new', 'note rollups']);
    expect(fake.created.size).toBe(0);
  });

  it.each<[string, Partial<InfluxV2Address>, RegExp]>([
    [
      'a wrong token',
      { token: 'another-secret' },
      /^find the organisation ops: 401: .*is the token right\?$/,
    ],
    [
      'an unknown organisation',
      { org: 'nope' },
      /^find the organisation nope: 404: organization name not found$/,
    ],
  ])('says what is wrong with %s, without the token', async (_what, address, message) => {
    const error = await prepare(address).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE_REFUSED', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('secret');
  });

  it('says that the token lacks a right', async () => {
    fake.isReadOnly = true;
    await expect(prepare({ bucket: 'new' })).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      message: 'create the bucket new: 403: insufficient permissions; the token lacks the right',
    });
  });

  it('says that it is another product', async () => {
    fake.productName = 'something';
    await expect(prepare()).rejects.toMatchObject({ code: 'STORE_REFUSED' });
  });

  it('says that nobody answers', async () => {
    await fake.close();
    await expect(prepare()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', isRetryable: true });
    fake = await startFakeInfluxV2();
  });
});
