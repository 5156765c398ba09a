/** Alertmanager's own client against a running collector. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../harness/needs.ts';
import { killAll, runCollectorCommand, startCollector, waitFor } from '../harness/processes.ts';

const amtool = needs('amtool');

const RULES = `
groups:
  - name: test
    rules:
      - {alert: Always, expr: vector(1), labels: {severity: warning, team: db}}
      - {alert: Also, expr: vector(1), labels: {severity: warning, team: web}}
`;

let folder: ReturnType<typeof tempDir>;
beforeEach(() => {
  folder = tempDir();
});
afterEach(() => {
  killAll();
  folder[Symbol.dispose]();
});

describe.skipIf(amtool.path === null)(`amtool${amtool.note}`, () => {
  it('lists alerts, and makes, shows and ends silences', async () => {
    const dataDir = join(folder.path, 'collector');
    const rulesDir = join(folder.path, 'rules');
    mkdirSync(rulesDir);
    writeFileSync(join(rulesDir, 'test.yml'), RULES);
    const flags = ['--log-level', 'warn', '--rules-dir', rulesDir, '--rule-interval', '200ms'];
    const { url } = await startCollector(dataDir, flags);
    const access = ['access', 'create', 'amtool', '--scope', 'admin', '--data-dir', dataDir];
    const token = runCollectorCommand(access).stdout.trim();
    const httpConfig = join(folder.path, 'http.yml');
    writeFileSync(httpConfig, JSON.stringify({ authorization: { type: 'Bearer', credentials: token } }));
    const run = (...parameters: readonly string[]): string =>
      execFileSync(
        amtool.path ?? '',
        [
          '--no-version-check',
          `--alertmanager.url=${url}`,
          `--http.config.file=${httpConfig}`,
          ...parameters,
        ],
        {
          encoding: 'utf8',
          env: { HOME: folder.path },
        },
      );
    const alerts = (...parameters: readonly string[]): string =>
      run('alert', 'query', '-o', 'extended', ...parameters)
        .split('\n')
        .flatMap((line) => /alertname="(\w+)"/.exec(line)?.[1] ?? [])
        .sort()
        .join();

    await waitFor('alerts', () => (alerts() === 'Also,Always' ? true : undefined), 10_000);
    expect(alerts('team=db')).toBe('Always');
    const id = run('silence', 'add', 'team=~"d."', '--author=ann', '--comment=work', '--duration=1h').trim();
    expect(id).toMatch(/^[\da-f-]{36}$/);
    expect(alerts()).toBe('Also');
    expect(run('silence', 'query', '-o', 'extended')).toMatch(/team=~"d\."[^]*ann[^]*work/);
    run('silence', 'expire', id);
    expect(run('silence', 'query', '-q').trim()).toBe('');
    expect(alerts()).toBe('Also,Always');
  });
});
