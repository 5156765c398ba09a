import { describe, expect, it } from 'vitest';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { FakeSource } from '../testing.ts';
import { usersReader } from './users.linux.ts';
import { parseAccounts, parseGroups, parseSudoers } from './users.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash
bob:x:1001:27::/home/bob:/bin/zsh
eve:x:1002:1002::/home/eve:/bin/bash
carl:x:1003:1003::/home/carl:/bin/bash
+::::::
broken
`;
const GROUP = 'root:x:0:\nsudo:x:27:\nops:x:50:carl,ada\nusers:x:100:\nbroken\n';

describe('section of users', () => {
  const files = { '/etc/passwd': PASSWD, '/etc/group': GROUP };

  it('knows administrators by number, by group and by the rules of sudo', () => {
    const source = new FakeSource({
      ...files,
      '/etc/sudoers':
        'Defaults env_reset\nUser_Alias X = eve\nroot ALL=(ALL:ALL) ALL\n%ops ALL=(ALL) \\\n NOPASSWD: ALL\n#eve ALL=ALL\n',
      '/etc/sudoers.d/eve.bak': 'daemon ALL=ALL\n',
      '/etc/sudoers.d/local': 'eve ALL=/usr/bin/apt\n',
    });
    expect(usersReader.read(source)).toEqual({
      sudoRules: ['%ops', 'eve', 'root'],
      users: [
        { name: 'ada', id: '1000', isAdmin: true, canLogIn: true },
        { name: 'bob', id: '1001', isAdmin: true, canLogIn: true },
        { name: 'carl', id: '1003', isAdmin: true, canLogIn: true },
        { name: 'daemon', id: '1', isAdmin: false, canLogIn: false },
        { name: 'eve', id: '1002', isAdmin: true, canLogIn: true },
        { name: 'root', id: '0', isAdmin: true, canLogIn: true },
      ],
    });
  });

  it('does not call somebody no administrator when the rules are kept from us', () => {
    const source = new FakeSource({ ...files, '/etc/sudoers': { fails: 'denied' } });
    const section = usersReader.read(source);
    expect(section).toMatchObject({ sudoRules: NOT_READABLE });
    const isAdmin = (name: string): unknown =>
      JSON.parse(JSON.stringify(section)).users.find((user: { name: string }) => user.name === name).isAdmin;
    expect(['root', 'bob', 'eve'].map(isAdmin)).toEqual([true, true, NOT_READABLE]);
  });

  it('skips lines that are no accounts, groups or rules', () => {
    expect(parseAccounts('a:b:c:d:e:f:g\n\n:x:1:1:::/bin/sh')).toHaveLength(1);
    expect(parseGroups('a:b\nb:x:y:z')).toEqual([]);
    expect(parseSudoers('@includedir /etc/sudoers.d\nALL\n = \nada\tALL = (root) ALL')).toEqual(['ada']);
  });
});
