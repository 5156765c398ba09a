import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { describe, expect, it } from 'vitest';
import { loadConfig, type ConfigSources } from './load.ts';
import { OPTIONS } from './options.ts';

function load(sources: Partial<ConfigSources>) {
  return loadConfig({ flags: {}, environment: {}, file: undefined, ...sources });
}

function problems(sources: Partial<ConfigSources>): string {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof AppError && error.code === 'BAD_CONFIG') return error.message;
    throw error;
  }
  return 'no problem';
}

function loadText(text: string) {
  using dir = tempDir();
  const file = join(dir.path, 'rollcall.yaml');
  writeFileSync(file, text);
  return { config: () => load({ file }), problems: problems({ file }) };
}

describe('loadConfig', () => {
  it('has a default for every setting that needs one', () => {
    const config = load({});
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 7655 });
    expect(config['down-grace']).toBe(30_000);
    expect(config.receivers).toEqual([]);
  });

  it('prefers flag over variable over file over default', () => {
    using dir = tempDir();
    const file = join(dir.path, 'rollcall.yaml');
    writeFileSync(file, 'down-grace: 1m\nsilence-after: 10s\nlog-level: warn\n');
    const config = load({
      file,
      environment: { ROLLCALL_DOWN_GRACE: '2m', ROLLCALL_SILENCE_AFTER: '20s' },
      flags: { 'down-grace': '3m' },
    });
    expect([
      config['down-grace'],
      config['silence-after'],
      config['log-level'],
      config['planned-timeout'],
    ]).toEqual([180_000, 20_000, 'warn', 600_000]);
  });

  it('reads lists from a variable', () => {
    const config = load({
      environment: { ROLLCALL_RECEIVERS: '[{name: ops, kind: webhook, url: "http://h/x"}]' },
    });
    const [receiver] = config.receivers;
    const url = receiver?.kind === 'webhook' ? receiver.url : undefined;
    expect([receiver?.name, url?.reveal(), String(url)]).toEqual(['ops', 'http://h/x', '[redacted]']);
  });

  it('lists every problem with key, origin, value and what is allowed', () => {
    const text = problems({
      flags: { listen: 'nowhere' },
      environment: { ROLLCALL_LOG_LEVEL: 'loud', ROLLCALL_DOWN_GRACE: '5 parsecs' },
    });
    expect(text).toContain('3 problem(s)');
    expect(text).toContain('listen = "nowhere" (flag --listen): must be host:port');
    expect(text).toContain(
      'log-level = "loud" (variable ROLLCALL_LOG_LEVEL): must be debug, info, warn or error',
    );
    expect(text).toContain(
      'down-grace = "5 parsecs" (variable ROLLCALL_DOWN_GRACE): must be a span from 0ms to 1d',
    );
  });

  it('names an unknown key of the file and the place of a syntax error', () => {
    expect(loadText('lisen: 127.0.0.1:1\n').problems).toContain('lisen');
    expect(loadText('listen: [\n').problems).toMatch(/line 2/);
    expect(loadText('- 1\n').problems).toContain('must be a map');
  });

  it('accepts an empty file and refuses one that is not there', () => {
    using dir = tempDir();
    const file = join(dir.path, 'rollcall.yaml');
    writeFileSync(file, '');
    expect(load({ file })['log-level']).toBe('info');
    expect(problems({ file: '/nonexistent/rollcall.yaml' })).toContain('cannot be read');
  });

  it('refuses an open address without TLS unless told to', () => {
    expect(problems({ flags: { listen: '0.0.0.0:7655' } })).toContain(
      'needs tls-cert-file and tls-key-file, or insecure',
    );
    expect(load({ flags: { listen: '0.0.0.0:7655', insecure: true } }).insecure).toBe(true);
    expect(problems({ flags: { 'tls-cert-file': '/x' } })).toContain('must be given together');
  });

  it('never shows the URL of a receiver', () => {
    const text = loadText(
      'receivers: [{name: ops, kind: webhook, url: "ftp://user:hunter2@h/?key=hunter2"}]',
    ).problems;
    expect(text).toContain('receivers[0].url');
    expect(text).not.toContain('hunter2');
  });

  it('never shows the heartbeat address, and refuses routes to nobody', () => {
    const heartbeat = loadText('heartbeat-url: "ftp://h/hunter2"').problems;
    expect(heartbeat).toContain('heartbeat-url');
    expect(heartbeat).not.toContain('hunter2');
    expect(loadText('routes: [{name: db, receivers: [dba]}]').problems).toContain(
      'route "db" names the receiver "dba", which is not among receivers',
    );
    expect(loadText('dependencies: [{match: [host], parent: gw}]').problems).toContain('matcher "host"');
  });

  it('refuses doubled receiver names and unknown kinds', () => {
    const url = 'https://example.org/hook';
    expect(
      loadText(`receivers: [{name: a, kind: webhook, url: ${url}}, {name: a, kind: webhook, url: ${url}}]`)
        .problems,
    ).toContain('must not use a name twice');
    expect(loadText(`receivers: [{name: a, kind: pigeon, url: ${url}}]`).problems).toMatch(
      /receivers\[0\]\.kind = "pigeon".*webhook/,
    );
  });

  it.each(OPTIONS.map((option) => [option.key, option] as const))(
    '%s refuses a wrong kind of value',
    (key, option) => {
      const wrong = option.key.endsWith('-dir') || option.key.endsWith('-file') ? '' : '{a: 1}';
      expect(
        problems({ environment: { [`ROLLCALL_${key.toUpperCase().replaceAll('-', '_')}`]: wrong } }),
      ).toContain(key);
    },
  );

  it('reads stores, and shows no secret of a wrong one', () => {
    const mirrors = '[{name: a, kind: influx-v2, url: "http://h", org: o, token: geheim}]';
    expect(load({ environment: { ROLLCALL_MIRRORS: mirrors } }).mirrors).toMatchObject([
      { name: 'a', kind: 'influx-v2', bucket: 'rollcall', server: 'influxdb' },
    ]);
    expect(load({}).storage).toEqual({ kind: 'embedded' });
    const wrong = [
      ['mirrors: [{name: a, kind: influx-v2, url: "http://u:geheim@h", org: o}]', 'must have no credentials'],
      [
        'mirrors: [{name: a, kind: influx-v2, url: "http://h", org: o, token: "geheim\\n"}]',
        'must be printable',
      ],
      ['mirrors: [{name: a, kind: influx-v1, url: "ftp://h"}]', 'must be an http:// or https:// URL'],
      ['mirrors: [{name: a, kind: mysql, url: "http://h"}]', 'must be influx-v1, influx-v2 or prometheus'],
      ['mirrors: [{name: storage, kind: influx-v1, url: "http://h"}]', 'nor the name storage'],
      ['storage: {kind: influx-v1}', 'storage.url'],
    ] as const;
    for (const [line, message] of wrong) {
      const { problems: found } = loadText(`${line}\n`);
      expect(found).toContain(message);
      expect(found).not.toContain('geheim');
    }
  });
});
