import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';
import { helpText } from './help.ts';
import { loadConfig, type Config, type ConfigSources } from './load.ts';
import { OPTION_LIST } from './options.ts';

const TOKEN = `rce1_${'a'.repeat(16)}_${'b'.repeat(43)}_0123abcd`;

function load(
  parameters: readonly string[],
  environment: ConfigSources['environment'] = {},
  content?: string,
): Config {
  const { flags, problems } = parseCommandLine(parameters);
  const file = content === undefined ? undefined : { path: 'agent.yaml', content };
  return loadConfig({ flags, environment, file, problems });
}

it('has defaults for everything that needs one', () => {
  expect(load([])).toEqual({
    endpoint: undefined,
    token: undefined,
    dataDir: './rollcall-data/agent',
    intervalMs: 10_000,
    slowIntervalMs: 10_000,
    textfileDir: undefined,
    logLevel: 'info',
    disabledSamplers: [],
    isRemoteConfigAllowed: true,
    origins: new Map(),
    isInsecure: false,
    caFile: undefined,
    hostName: undefined,
    excludedSections: [],
    spool: 'disk',
    spoolSize: 64 * 1024 * 1024,
    spoolSync: 'always',
  });
});

it('prefers flags to variables, variables to the file, and the own variable to the shared one', () => {
  const file = 'interval: 1m\nlog-level: debug\ndata-dir: /f\nhost-name: f\n';
  const environment = {
    ROLLCALL_INTERVAL: '30s',
    ROLLCALL_AGENT_DATA_DIR: '/e',
    ROLLCALL_DATA_DIR: '/shared',
  };
  const config = load(['--interval', '5s'], environment, file);
  expect(config).toMatchObject({ intervalMs: 5_000, dataDir: '/e', logLevel: 'debug', hostName: 'f' });
});

it('reads lists from repeated flags, variables with commas, and the file', () => {
  expect(load(['--exclude-section', 'users', '--exclude-section=packages']).excludedSections).toEqual([
    'users',
    'packages',
  ]);
  expect(load([], { ROLLCALL_EXCLUDE_SECTION: 'users, disks' }).excludedSections).toEqual(['users', 'disks']);
  expect(load([], {}, 'exclude-section:\n  - users\n').excludedSections).toEqual(['users']);
});

it.each([
  [
    'https://a.example:7655',
    'wss://a.example:7655/agent/v1/connect',
    'https://a.example:7655/agent/v1/enroll',
  ],
  ['http://127.0.0.1:7655/', 'ws://127.0.0.1:7655/agent/v1/connect', 'http://127.0.0.1:7655/agent/v1/enroll'],
  [
    'wss://a.example/base/',
    'wss://a.example/base/agent/v1/connect',
    'https://a.example/base/agent/v1/enroll',
  ],
  ['http://[::1]:1', 'ws://[::1]:1/agent/v1/connect', 'http://[::1]:1/agent/v1/enroll'],
])('derives both addresses from %s', (url, connectUrl, enrollUrl) => {
  expect(load(['--url', url]).endpoint).toMatchObject({ connectUrl, enrollUrl });
});

it('takes plain http to another machine only when told to', () => {
  expect(() => load(['--url', 'http://a.example'])).toThrow(/must begin with https/);
  expect(load(['--url', 'http://a.example', '--insecure']).endpoint?.isSecure).toBe(false);
  expect(() => load(['--url', 'http://127.0.0.1.evil.example'])).toThrow(/must begin with https/);
});

describe('problems', () => {
  it('are reported all together, with their origin', () => {
    const parameters = ['--interval', '5ms', '--nonsense', '--url', 'ftp://x', 'walk'];
    const attempt = (): Config =>
      load(parameters, { ROLLCALL_LOG_LEVEL: 'loud' }, 'insecure: maybe\nfoo: 1\n');
    expect(attempt).toThrow(/configuration has 7 problem\(s\)/);
    expect(attempt).toThrow(/interval = "5ms" \(flag --interval\): must be a span from 1s to 1h/);
    expect(attempt).toThrow(/--nonsense: is not a flag/);
    expect(attempt).toThrow(/url = .* must be a URL such as/);
    expect(attempt).toThrow(/walk: is not a command/);
    expect(attempt).toThrow(/log-level = "loud" \(variable ROLLCALL_LOG_LEVEL\): must be debug, info/);
    expect(attempt).toThrow(/insecure = "maybe" \(file agent.yaml line 1\): must be true or false/);
    expect(attempt).toThrow(/foo \(file agent.yaml line 2\): is not a setting/);
  });

  it.each([
    [['--token', 'rce1_secret'], /token = \[redacted\]/],
    [['--url', 'https://user:secret@a.example'], /url = https:\/\/a\.example \(/],
  ])('never show a secret', (parameters, expected) => {
    expect(() => load(parameters)).toThrow(expected);
    expect(() => load(parameters)).not.toThrow(/secret\b(?! )/);
  });

  it.each([
    [['--url'], /--url: needs a value/],
    [['--force=yes'], /--force: takes no value/],
    [['--interval', '1s', '--interval', '2s'], /must be given once/],
    [['--host-name', 'a\nb'], /without control characters/],
    [['--data-dir', ''], /must be a path/],
    [['--textfile-dir', ''], /textfile-dir = "" \(flag --textfile-dir\): must be a path/],
    [['--exclude-section', '../x'], /must be the name of an inventory section/],
    [['--exclude-section', 'user'], /must be the name of an inventory section: .*usb, users/],
    [['--spool', 'tape'], /must be disk or memory/],
    [['--spool-size', '1KiB'], /must be a size from 1MiB to 16GiB/],
    [['--spool-size', '64'], /must be a size from 1MiB to 16GiB/],
    [['--spool-sync', 'often'], /must be always, interval or never/],
    [['run', 'fast'], /fast: is one word too many/],
  ])('name what is allowed: %j', (parameters, expected) => {
    expect(() => load(parameters)).toThrow(expected);
  });

  it.each([
    ['interval:\n  - 10s\n', /must be one value/],
    ['exclude-section:\n  a: b\n', /must be a list/],
    ['interval: [1]\n', /file agent.yaml: line 1 begins a value with \[/],
  ])('of the file are named with its line: %j', (content, expected) => {
    expect(() => load([], {}, content)).toThrow(expected);
  });

  it('include certificates that are not verified', () => {
    expect(() => load([], { NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toThrow(/must not be set/);
  });
});

it('hides the token wherever it is printed', () => {
  const { token } = load([], { ROLLCALL_TOKEN: TOKEN });
  expect(token?.reveal()).toBe(TOKEN);
  expect(JSON.stringify({ token })).not.toContain('bbb');
});

it('explains every setting in the help', () => {
  const text = helpText();
  for (const { key } of OPTION_LIST) expect(text).toContain(`--${key} <`);
  // An address and a token take their room.
  const long = text.split('\n').filter((line) => line.length > 80 && !line.includes('--url https:'));
  expect(long).toEqual([]);
});

it('knows commands, switches and the configuration file', () => {
  const line = parseCommandLine(['enroll', '--force', '--config', 'x.yaml', '-h']);
  expect(line).toMatchObject({ command: 'enroll', configFile: 'x.yaml', problems: [] });
  expect([...line.switches].sort()).toEqual(['force', 'help']);
});
