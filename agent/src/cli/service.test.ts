import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { service } from './service.ts';
import type { Terminal } from './terminal.ts';

function terminal() {
  let printed = '';
  const it_: Terminal = {
    print: (text) => void (printed += text),
    complain: () => {},
    paint: (_, text) => text,
  };
  return { it_, printed: () => printed };
}

it('prints the unit without changing anything', async () => {
  const { it_, printed } = terminal();
  await service({ action: 'print', configFile: 'agent.yaml', program: import.meta.filename }, it_);
  expect(printed()).toContain(`ExecStart=${process.execPath} ${import.meta.filename} run`);
  // A path that systemd can find from anywhere.
  expect(printed()).toContain(`--config ${process.cwd()}/agent.yaml`);
});

it.skipIf(existsSync('/run/systemd/system')).each(['install', 'uninstall'] as const)(
  'refuses to %s where systemd does not run, and says what to do',
  async (action) => {
    const { it_ } = terminal();
    const attempt = service({ action, configFile: undefined, program: import.meta.filename }, it_);
    await expect(attempt).rejects.toThrow('not run by systemd; see rollcall-agent service print');
  },
);
