import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { openState, stateFile } from '../state/state.ts';
import { clearAgentConfig, setAgentConfig, showAgentConfig } from './agent-config.ts';

let temp: ReturnType<typeof tempDir>;
let dataDir: string;
beforeEach(() => {
  temp = tempDir();
  dataDir = join(temp.path);
  const state = openState(stateFile(dataDir));
  state.connection.exec(
    `INSERT INTO hosts (id, name, public_key, token_id, enrolled_ms) VALUES ('${'a'.repeat(32)}', 'web-1', x'01', 't', 0)`,
  );
  state.close();
});
afterEach(() => temp[Symbol.dispose]());

describe('agent-config', () => {
  it('makes no state where no collector ever ran', () => {
    const other = join(dataDir, 'other');
    const expected = expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' });
    expect(() => showAgentConfig(other, {}, false)).toThrow(expected);
    expect(() => setAgentConfig(other, { all: true }, { interval: '30s' })).toThrow(expected);
    expect(existsSync(other)).toBe(false);
  });

  it('sets what is wanted, one after another, and takes it back', () => {
    expect(setAgentConfig(dataDir, { host: 'web-1' }, { interval: '30s' })).toBe(
      'wanted of web-1: interval 30s\n',
    );
    expect(
      setAgentConfig(dataDir, { host: 'web-1' }, { logLevel: 'debug', disableSampler: 'cpu, arp' }),
    ).toBe('wanted of web-1: interval 30s, disable-sampler arp,cpu, log-level debug\n');
    expect(showAgentConfig(dataDir, { host: 'web-1' }, false)).toMatch(
      /^all hosts: nothing\nHOST .*\nweb-1 +interval 30s, disable-sampler arp,cpu, log-level debug +waits for its agent/,
    );
    expect(clearAgentConfig(dataDir, { host: 'web-1' })).toBe('wanted of web-1: nothing\n');
    setAgentConfig(dataDir, { all: true }, { disableSampler: 'none' });
    expect(showAgentConfig(dataDir, {}, false)).toContain(
      'all hosts: disable-sampler none (tried by 0 first); the others have: nothing',
    );
    const shown: unknown = JSON.parse(showAgentConfig(dataDir, {}, true));
    expect(shown).toMatchObject({ all: { stage: 'ring', wanted: { disabledSamplers: [] } } });
  });

  it.each([
    [{}, { interval: '30s' }, 'BAD_CONFIG'],
    [{ host: 'web-1', all: true }, { interval: '30s' }, 'BAD_CONFIG'],
    [{ all: true }, {}, 'BAD_CONFIG'],
    [{ all: true }, { interval: '500ms' }, 'BAD_CONFIG'],
    [{ all: true }, { interval: '2h' }, 'BAD_CONFIG'],
    [{ all: true }, { logLevel: 'trace' }, 'BAD_CONFIG'],
    [{ all: true }, { disableSampler: 'rm -rf' }, 'BAD_CONFIG'],
    [{ host: 'web-2' }, { interval: '30s' }, 'NOT_FOUND'],
  ])('refuses %j with %j', (scope, flags, code) => {
    expect(() => setAgentConfig(dataDir, scope, flags)).toThrow(expect.objectContaining({ code }));
  });

  it('names a sampler that there is not, and those that there are', () => {
    const set = (disableSampler: string) => () => setAgentConfig(dataDir, { all: true }, { disableSampler });
    expect(set('cpu,apr,')).toThrow(
      /^--disable-sampler cpu,apr,: there is no sampler "apr", ""; must be none, or with commas of arp, bonding, .*zfs$/,
    );
    expect(set('none,cpu')).toThrow(/no sampler "none"/);
    expect(showAgentConfig(dataDir, {}, false)).toBe('all hosts: nothing\n');
  });
});
