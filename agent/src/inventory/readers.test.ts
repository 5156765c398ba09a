/** The sections of macOS and Windows, made of outputs as their documentation shows them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECTION_NAMES } from '@rollcall/shared/inventory/section-names.ts';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands.ts';
import { readSections } from './read-sections.ts';
import { sectionReaders } from './readers.ts';
import { makeSections } from './sections.ts';
import { FakeSource } from './testing.ts';

const DOCUMENTED = join(import.meta.dirname, 'documented');

function machine(platform: 'darwin' | 'win32', files: Readonly<Record<string, string>> = {}): FakeSource {
  const source = new FakeSource(files);
  for (const file of readdirSync(join(DOCUMENTED, platform))) {
    const command = file.replace('.txt', '');
    expect(Object.keys(COMMANDS)).toContain(command);
    source.outputs.set(command, readFileSync(join(DOCUMENTED, platform, file), 'utf8'));
  }
  return source;
}

async function read(platform: 'darwin' | 'win32', source: FakeSource): Promise<Record<string, unknown>> {
  const sections: Record<string, unknown> = {};
  for (const reader of sectionReaders(platform)) sections[reader.name] = await reader.read(source);
  return sections;
}

describe('macOS', () => {
  it('reads applications, Homebrew, services, ports, users and FileVault', async () => {
    const source = machine('darwin', {
      '/opt/homebrew/Cellar/openssl@3/3.3.2/x': '',
      '/opt/homebrew/Cellar/.keepme': '',
      '/opt/homebrew/Caskroom/rectangle/0.83/x': '',
      '/opt/homebrew/Caskroom/rectangle/.metadata': '',
    });
    source.host.readLink = () => '/var/db/timezone/zoneinfo/Europe/Zurich';
    expect(await read('darwin', source)).toEqual({
      platform: { timeZone: 'Europe/Zurich' },
      packages: {
        count: 4,
        packages: [
          { name: 'Firefox', version: '131.0.3', arch: 'arm_i64', manager: 'macos' },
          { name: 'Safari', version: '17.6', arch: 'arm_i64', manager: 'macos' },
          { name: 'openssl@3', version: '3.3.2', arch: null, manager: 'homebrew' },
          { name: 'rectangle', version: '0.83', arch: null, manager: 'homebrew' },
        ],
      },
      services: {
        services: [
          { name: 'com.apple.Finder', state: 'loaded' },
          { name: 'com.apple.SafariHistoryServiceAgent', state: 'loaded' },
          { name: 'org.nginx.nginx', state: 'loaded' },
        ],
      },
      ports: {
        ports: [
          { protocol: 'tcp', address: '*', port: 22, process: 'launchd', user: 'root' },
          { protocol: 'tcp', address: '::1', port: 5000, process: 'ControlCenter', user: 'ada' },
          { protocol: 'tcp', address: '*', port: 7000, process: 'ControlCenter', user: 'ada' },
        ],
      },
      users: {
        users: [
          { name: '_amavisd', id: '83', isAdmin: false, canLogIn: false },
          { name: '_www', id: '70', isAdmin: false, canLogIn: false },
          { name: 'ada', id: '501', isAdmin: true, canLogIn: true },
          { name: 'bob', id: '502', isAdmin: false, canLogIn: true },
          { name: 'daemon', id: '1', isAdmin: false, canLogIn: false },
          { name: 'nobody', id: '-2', isAdmin: false, canLogIn: false },
          { name: 'root', id: '0', isAdmin: true, canLogIn: true },
        ],
      },
      encryption: { volumes: [{ mountPoint: '/', device: null, isEncrypted: true, kind: 'FileVault' }] },
    });
  });

  it.each([
    ['FileVault is Off.\n', false],
    ['Encryption in progress: Percent completed = 12\n', null],
    ['', null],
  ])('takes %j for encrypted: %s', async (output, isEncrypted) => {
    const source = machine('darwin');
    source.outputs.set('fileVault', output);
    expect((await read('darwin', source))['encryption']).toMatchObject({ volumes: [{ isEncrypted }] });
  });
});

describe('Windows', () => {
  it('reads programs, services, ports, users, BitLocker and whether a restart waits', async () => {
    expect(await read('win32', machine('win32'))).toEqual({
      packages: {
        count: 3,
        packages: [
          { name: '7-Zip 23.01 (x64)', version: '23.01', arch: null, manager: 'windows' },
          { name: 'Contoso Agent', version: '', arch: null, manager: 'windows' },
          { name: 'Microsoft Edge', version: '128.0.2739.42', arch: null, manager: 'windows' },
        ],
      },
      services: {
        services: [
          { name: 'CDPUserSvc', state: 'Auto' },
          { name: 'RemoteRegistry', state: 'Disabled' },
          { name: 'Spooler', state: 'Auto' },
          { name: 'WinRM', state: 'Manual' },
        ],
      },
      ports: {
        ports: [
          { protocol: 'tcp', address: '0.0.0.0', port: 135, process: 'svchost', user: null },
          { protocol: 'tcp', address: '::', port: 445, process: 'System', user: null },
          { protocol: 'tcp', address: '0.0.0.0', port: 3389, process: null, user: null },
        ],
      },
      users: {
        users: [
          { name: 'Administrator', id: expect.stringMatching(/-500$/), isAdmin: true, canLogIn: false },
          { name: 'Guest', id: expect.stringMatching(/-501$/), isAdmin: false, canLogIn: false },
          { name: 'ada', id: expect.stringMatching(/-1001$/), isAdmin: true, canLogIn: true },
        ],
      },
      updates: { isRebootRequired: true },
      encryption: {
        volumes: [
          { mountPoint: 'C:', device: null, isEncrypted: true, kind: 'BitLocker' },
          { mountPoint: 'D:', device: null, isEncrypted: false, kind: null },
          { mountPoint: 'E:', device: null, isEncrypted: null, kind: null },
        ],
      },
    });
  });

  it('takes one object for a list of one, as ConvertTo-Json prints it', async () => {
    const source = machine('win32');
    source.outputs.set('winUsers', '{"Name":"ada","Enabled":true,"Sid":"S-1","IsAdmin":false}');
    expect((await read('win32', source))['users']).toEqual({
      users: [{ name: 'ada', id: 'S-1', isAdmin: false, canLogIn: true }],
    });
  });
});

describe('every reader of another system', () => {
  const each = (['darwin', 'win32'] as const).flatMap((platform) =>
    sectionReaders(platform).map((reader) => ({ platform, reader, name: `${platform} ${reader.name}` })),
  );

  it.each(each)('$name makes nothing up of garbage', async ({ platform, reader }) => {
    const source = machine(platform);
    for (const name of source.outputs.keys()) source.outputs.set(name, '\u0000garbage {]\n\tx\n');
    let output = '';
    await readSections({
      source,
      readers: [reader],
      ask: () => Promise.resolve({}),
      scope: { platform: 'linux', excluded: new Set() },
      print: (line) => void (output += line.startsWith('section') ? line : ''),
    });
    expect(output).not.toContain('garbage');
  });

  it.each(each.filter(({ reader }) => reader.name !== 'platform'))(
    '$name says that a program is missing',
    async ({ reader }) => {
      await expect(reader.read(new FakeSource())).rejects.toMatchObject({ kind: 'absent' });
    },
  );
});

it('takes devices from the library where the system shows them in no files', () => {
  const answers = {
    graphics: {
      controllers: [{ vendor: 'Apple', model: 'Apple M2', busAddress: '', vram: null }],
      displays: [
        {
          vendor: 'Apple',
          model: 'Color LCD',
          builtin: true,
          connection: 'Internal',
          currentRefreshRate: 60,
        },
      ],
    },
    battery: {
      hasBattery: true,
      manufacturer: 'Apple',
      serial: 'F8Y1',
      designedCapacity: 52_600,
      capacityUnit: 'mWh',
      percent: 80,
    },
    usb: [{ name: 'Keyboard', manufacturer: 'Apple Inc.', serialNumber: '1', type: 'Keyboard' }],
    printer: [{ name: 'Office', model: 'HP', default: true, shared: false, status: 'idle' }],
  };
  const make = (platform: NodeJS.Platform): Record<string, unknown> => {
    const { sections } = makeSections(answers, () => false, { platform, excluded: new Set() });
    return Object.fromEntries(sections.map(({ name, content }) => [name, content]));
  };
  expect(make('darwin')).toMatchObject({
    gpus: { gpus: [{ model: 'Apple M2' }] },
    displays: { displays: [{ model: 'Color LCD', isBuiltIn: true }] },
    batteries: { batteries: [{ serial: 'F8Y1', designMicroWattHours: 52_600_000 }] },
    usb: { devices: [{ product: 'Keyboard' }] },
    printers: { printers: [{ name: 'Office', isDefault: true }] },
  });
  expect(make('linux')).toEqual({});
});

it('the sections that can be excluded are those that some system reads', () => {
  const platforms = ['linux', 'darwin', 'win32'] as const;
  const names = platforms.flatMap((platform) => [
    ...makeSections({}, () => false, { platform, excluded: new Set() }).missing,
    ...sectionReaders(platform).map(({ name }) => name),
  ]);
  expect([...new Set(names)].sort()).toEqual(SECTION_NAMES);
});
