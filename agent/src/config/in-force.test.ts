import { describe, expect, it } from 'vitest';
import { settingsInForce, type LocalSettings } from './in-force.ts';

const LOCAL: LocalSettings = {
  intervalMs: 10_000,
  disabledSamplers: ['arp'],
  logLevel: 'info',
  origins: new Map([
    ['disable-sampler', 'file agent.yaml line 3'],
    ['url', 'flag --url'],
  ]),
};
const settings = { intervalMs: 30_000, disabledSamplers: ['cpu'], logLevel: 'debug' } as const;

describe('settings in force', () => {
  it('are those of this machine where they are set here, then those of the collector, then the defaults', () => {
    const found = settingsInForce(LOCAL, { settings, name: 'collector, version 3' });
    expect(found).toMatchObject({ intervalMs: 30_000, disabledSamplers: ['arp'], logLevel: 'debug' });
    expect(found.shown).toEqual([
      { key: 'interval', value: '30s', origin: 'collector, version 3' },
      { key: 'disable-sampler', value: 'arp', origin: 'file agent.yaml line 3' },
      { key: 'log-level', value: 'debug', origin: 'collector, version 3' },
    ]);
  });

  it('say what nobody has set', () => {
    const found = settingsInForce({ ...LOCAL, origins: new Map() }, { settings: {}, name: 'collector' });
    expect(found.shown.map(({ origin }) => origin)).toEqual(['default', 'default', 'default']);
  });
});
