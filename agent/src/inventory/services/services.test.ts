import { describe, expect, it } from 'vitest';
import { FakeSource } from '../testing.ts';
import { servicesReader } from './services.linux.ts';
import { parseUnitFiles } from './services.ts';

// systemctl list-unit-files of systemd 252.
const UNITS = `apparmor.service                       enabled         enabled
autovt@.service                        alias           -
cron.service                           enabled         enabled
debug-shell.service                    disabled        disabled
run-rf2a0.service                      transient       -
ssh.service                            masked
user@1000.service                      static          -
nginx.service                          generated       -
hostile\u001b[31m.service              enabled
3 unit files listed.
`;

describe('section of services', () => {
  it('lists what systemd is set up to start', async () => {
    const source = new FakeSource({ '/run/systemd/system/x': '' });
    source.outputs.set('systemdUnitFiles', UNITS);
    expect(await servicesReader.read(source)).toEqual({
      services: [
        { name: 'apparmor.service', state: 'enabled' },
        { name: 'autovt@.service', state: 'alias' },
        { name: 'cron.service', state: 'enabled' },
        { name: 'debug-shell.service', state: 'disabled' },
        { name: 'hostile[31m.service', state: 'enabled' },
        { name: 'ssh.service', state: 'masked' },
        { name: 'user@1000.service', state: 'static' },
      ],
    });
  });

  it('fails when systemd runs and does not answer', async () => {
    const source = new FakeSource({ '/run/systemd/system/x': '' });
    await expect(servicesReader.read(source)).rejects.toMatchObject({ kind: 'absent' });
  });

  it('reads the links of System V, and the run levels of OpenRC', async () => {
    const sysv = new FakeSource({
      '/etc/init.d/cron': '',
      '/etc/init.d/ssh': '',
      '/etc/init.d/README': '',
      '/etc/rc3.d/S01cron': '',
      '/etc/rc3.d/K01ssh': '',
    });
    const expected = {
      services: [
        { name: 'cron', state: 'enabled' },
        { name: 'ssh', state: 'disabled' },
      ],
    };
    expect(await servicesReader.read(sysv)).toEqual(expected);
    const openrc = new FakeSource({
      '/etc/init.d/cron': '',
      '/etc/init.d/ssh': '',
      '/etc/init.d/functions.sh': '',
      '/etc/runlevels/default/cron': '',
    });
    expect(await servicesReader.read(openrc)).toEqual(expected);
    expect(await servicesReader.read(new FakeSource())).toBeUndefined();
  });

  it('takes nothing from empty or foreign output', () => {
    expect(parseUnitFiles('')).toEqual([]);
    expect(parseUnitFiles('System has not been booted with systemd as init system\n')).toEqual([]);
  });
});
