import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { redactUrl, Secret } from './secret.ts';

describe('Secret', () => {
  const secret = new Secret('canary');
  // oxlint-disable-next-line typescript/restrict-template-expressions -- the slip that the class is there for
  const inTemplate = `token ${secret}`;

  it.each<readonly [string, () => string]>([
    ['a template', () => inTemplate],
    ['concatenation', () => ['x', secret].join('')],
    ['String()', () => String(secret)],
    ['JSON', () => JSON.stringify({ deep: [secret] })],
    ['the inspector', () => inspect({ deep: { secret } }, { showHidden: true, depth: 9 })],
    ['the inspector without our method', () => inspect(secret, { customInspect: false, showHidden: true })],
    ['console formats', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['its own keys', () => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret)])],
    ['an error message', () => new Error(inTemplate).stack ?? ''],
    ['a structured clone', () => inspect(structuredClone(secret))],
  ])('is hidden in %s', (_name, print) => {
    expect(print()).not.toContain('canary');
  });

  it('is told on demand', () => {
    expect(secret.reveal()).toBe('canary');
  });
});

describe('redactUrl', () => {
  it.each([
    ['https://user:canary@host:8443/', 'https://host:8443'],
    ['https://hooks.example/services/T0/canary', 'https://hooks.example/[redacted]'],
    ['https://host/?key=canary', 'https://host/[redacted]'],
    ['wss://host:7655/#canary', 'wss://host:7655/[redacted]'],
    ['mailto:canary@example.com', 'mailto:///[redacted]'],
    ['canary', '[not a url]'],
  ])('shows %s as %s', (text, shown) => {
    expect(redactUrl(text)).toBe(shown);
  });
});
