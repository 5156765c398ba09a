import { expect, it } from 'vitest';
import { unitText, userText } from './systemd.ts';

const OPTIONS = {
  node: '/usr/bin/node',
  program: '/opt/rollcall/agent/bin/rollcall-agent.mjs',
  configFile: undefined,
};

/** Values of a key, in order. */
function valuesOf(unit: string, key: string): string[] {
  return unit.split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

it('starts the agent with a state folder of its own, and again when it ends', () => {
  const unit = unitText(OPTIONS);
  expect(valuesOf(unit, 'ExecStart')).toEqual([
    '/usr/bin/node /opt/rollcall/agent/bin/rollcall-agent.mjs run --data-dir /var/lib/rollcall-agent',
  ]);
  expect(valuesOf(unit, 'StateDirectory')).toEqual(['rollcall-agent']);
  expect(valuesOf(unit, 'Restart')).toEqual(['always']);
  expect(valuesOf(unitText({ ...OPTIONS, configFile: '/etc/rollcall/agent.yaml' }), 'ExecStart')[0]).toMatch(
    / --config \/etc\/rollcall\/agent\.yaml$/,
  );
});

it('has a user of its own', () => {
  expect(userText()).toBe('u rollcall-agent - "Rollcall agent"\n');
});

it('writes paths so that systemd reads them as they are', () => {
  const program = '/opt/my "agent"/100%/$HOME\\x.mjs';
  expect(valuesOf(unitText({ ...OPTIONS, program }), 'ExecStart')[0]).toContain(
    '"/opt/my \\"agent\\"/100%%/$$HOME\\\\x.mjs"',
  );
});

it('takes every right away, and nothing that Node.js or the samplers need', () => {
  const unit = unitText(OPTIONS);
  for (const line of [
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'ProtectSystem=strict',
    'PrivateDevices=yes',
    'User=rollcall-agent',
    'SystemCallErrorNumber=EPERM',
    'UnsetEnvironment=NODE_OPTIONS',
  ]) {
    expect(unit.split('\n')).toContain(line);
  }
  for (const key of ['MemoryDenyWriteExecute', 'ProtectProc', 'ProcSubset'])
    expect(valuesOf(unit, key)).toEqual([]);
  expect(valuesOf(unit, 'ProtectHome')).toEqual(['read-only']);
});
