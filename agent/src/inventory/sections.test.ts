import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalSection, NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { isRecord, type RawRecord } from './raw.ts';
import { makeSections } from './sections.ts';

const FOLDER = join(import.meta.dirname, 'testdata');

const LINUX = { platform: 'linux', excluded: new Set<string>() } as const;

function load(name: string): RawRecord {
  const value: unknown = JSON.parse(readFileSync(join(FOLDER, name, 'answers.json'), 'utf8'));
  if (!isRecord(value)) throw new Error(`${name} is not an object`);
  return value;
}

function make(answers: RawRecord, isDenied = false): Record<string, unknown> {
  const { sections } = makeSections(answers, () => isDenied, LINUX);
  return Object.fromEntries(sections.map(({ name, content }) => [name, content]));
}

describe('makeSections', () => {
  it.each(readdirSync(FOLDER))('makes the sections of %s', (name) => {
    const expected: unknown = JSON.parse(readFileSync(join(FOLDER, name, 'expected.json'), 'utf8'));
    expect(make(load(name))).toEqual(expected);
  });

  it('marks what needs root and is kept from us, and only that', () => {
    const sections = make(load('01-virtual-machine'), true);
    expect(sections['system']).toMatchObject({ serial: NOT_READABLE, uuid: NOT_READABLE, sku: null });
    expect(sections['board']).toMatchObject({ serial: NOT_READABLE, memorySlots: NOT_READABLE });
    expect(sections['chassis']).toMatchObject({ serial: NOT_READABLE });
    expect(sections['cpu']).toMatchObject({ socket: NOT_READABLE });
    expect(sections['memory']).toMatchObject({ modules: NOT_READABLE });
    expect(make(load('02-server'), true)['system']).toMatchObject({ serial: 'CZ12345678' });
  });

  it('hashes the same when only volatile values differ', () => {
    const answers = load('02-server');
    const later = JSON.stringify(answers)
      .replaceAll('"temperature":31', '"temperature":47')
      .replaceAll('"speed":3.4', '"speed":1.2')
      .replaceAll('"free":100', '"free":55')
      .replaceAll('"operstate":"up"', '"operstate":"down"')
      .replaceAll('"speed":10000', '"speed":null')
      .replaceAll('fd00::2', 'fd00::beef')
      .replaceAll('"smartStatus":"Ok"', '"smartStatus":"unknown"');
    const changed: unknown = JSON.parse(later);
    expect(changed).not.toEqual(answers);
    const hashes = (raw: unknown): string[] =>
      makeSections(isRecord(raw) ? raw : {}, () => false, LINUX).sections.map(
        (each) => canonicalSection(each).hash,
      );
    expect(hashes(changed)).toEqual(hashes(answers));
  });

  it('hashes the same when disks and interfaces come in another order', () => {
    const answers = load('02-server');
    const turned = Object.fromEntries(
      Object.entries(answers).map(([key, value]) => [
        key,
        Array.isArray(value) && key !== 'memLayout' ? value.toReversed() : value,
      ]),
    );
    expect(make(turned)).toEqual(make(answers));
  });

  it('leaves out the address of a wireless interface that invents it', () => {
    const nic = { iface: 'wlan0', mac: '0A:00:27:00:00:01', internal: false, virtual: false };
    const macOf = (fields: RawRecord): unknown =>
      make({ networkInterfaces: [{ ...nic, ...fields }] })['nics'];
    expect(macOf({ type: 'wireless' })).toMatchObject({ nics: [{ mac: null }] });
    expect(macOf({ type: 'wired' })).toMatchObject({ nics: [{ mac: '0a:00:27:00:00:01' }] });
    expect(macOf({ type: 'wireless', mac: '08:00:27:00:00:01' })).toMatchObject({
      nics: [{ mac: '08:00:27:00:00:01' }],
    });
  });

  it('takes a machine for virtual when its processor says so', () => {
    const isVirtual = (flags: unknown): unknown =>
      make({ system: { virtual: false }, cpu: { flags } })['system'];
    expect(isVirtual('fpu hypervisor lahf_lm')).toMatchObject({ isVirtual: true });
    expect(isVirtual('fpu')).toMatchObject({ isVirtual: false });
    expect(isVirtual(undefined)).toMatchObject({ isVirtual: false });
  });

  it('names the sections of calls that gave no answer', () => {
    const { sections, missing } = makeSections({ system: {}, mem: {}, cpu: 'x' }, () => false, LINUX);
    expect(sections.map(({ name }) => name)).toEqual(['system']);
    expect(missing).toEqual(['bios', 'board', 'chassis', 'cpu', 'memory', 'disks', 'nics', 'os']);
  });

  it('survives any answers, keeps texts short and takes nothing from prototypes', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constant('x'.repeat(5_000)), fc.constant('\u001b[31m'));
    const answer = fc.oneof(
      value,
      fc.dictionary(fc.constantFrom('serial', 'model', 'cache', 'bank', 'type', 'device'), value),
    );
    const calls = fc.constantFrom(
      'system',
      'cpu',
      'mem',
      'memLayout',
      'diskLayout',
      'blockDevices',
      'osInfo',
    );
    fc.assert(
      fc.property(fc.dictionary(calls, fc.oneof(answer, fc.array(answer))), (answers) => {
        for (const section of makeSections(answers, () => false, LINUX).sections) {
          const { bytes } = canonicalSection(section);
          expect(/x{257}/.test(bytes.toString())).toBe(false);
          expect(bytes.includes(0x1b)).toBe(false);
        }
      }),
    );
    expect(make({ osInfo: {} })['os']).toMatchObject({ platform: null });
    expect(makeSections(Object.create({ osInfo: {} }), () => false, LINUX).sections).toEqual([]);
  });
});
