/**
 * The table of every sampler of the register × what may happen to its files between two readings. One test stands in each
 * field; a sampler without a row fails. The law: whatever was told before, a reading tells exactly what a sampler that has
 * just started tells of the same files. `conformance.test.ts` has the files that are garbage, missing and denied once.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isCleanText } from '@rollcall/shared/lib/text.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import type { FakeHost } from '../host/testing.ts';
import { createSamplers } from './list.ts';
import { Readings } from './readings.ts';
import { REMEMBER_DEAR_MS } from './remembered.ts';
import type { Sampler } from './sampler.ts';
import { fixtures, readLines } from './testing.ts';

/** Whose fixtures a sampler reads when it has none of its own. */
const FIXTURES_OF: Readonly<Record<string, string>> = { link: 'network' };
/** Samplers that read no files of the kernel, and which test has what matters to them instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  systemd: 'systemd/systemd.test.ts',
  textfile: 'textfile/textfile.test.ts',
  time: 'time/time.test.ts',
};
/** What they emit does not depend on what is in their files, or that is no number. */
const WITHOUT_NUMBERS: ReadonlySet<string> = new Set([
  'arp',
  'bonding',
  'clocksource',
  // statfs(2) tells its numbers.
  'filesystem',
  'selinux',
  'uname',
]);
/** Readings of these tell the clock or the agent itself. */
const VOLATILE = /^(process_cpu_seconds_total|container_last_seen)/;
/** Files that change, spread over all of them: some samplers have hundreds that are alike. */
const FILES_MAX = 48;
const LONG = 100_000;
/** The kernel gives a page of a file of /sys at most. */
const LONG_IN_SYS = 4_000;
/** A number by itself: digits between white space, or behind an equals sign. */
const NUMBER = /(?<=[\s=:]|^)\d+(?:\.\d+)?(?=\s|$)/gm;

type Change = (host: FakeHost, files: readonly string[]) => void;

/** Replaces the content of each file; bytes are Latin-1, so that none is lost. */
function rewrite(change: (content: string, file: string) => string): Change {
  return (host, files) => {
    for (const file of files) {
      host.files.set(file, Buffer.from(change(host.read(file).toString('latin1'), file), 'latin1'));
    }
  };
}

function fail(kind: 'absent' | 'denied'): Change {
  return (host, files) => {
    for (const file of files) host.files.set(file, { fails: kind });
  };
}

function longIn(file: string): number {
  return file.startsWith('/sys/') ? LONG_IN_SYS : LONG;
}

/** The first lines may be headings. */
function halved(content: string): string {
  const lines = content.split('\n');
  return lines.filter((_, i) => i < 2 || i % 2 === 0).join('\n');
}

const half: Change = (host, files) => {
  const gone = files.filter((_, i) => i % 2 === 1);
  fail('absent')(host, gone);
  rewrite(halved)(
    host,
    files.filter((file) => !gone.includes(file)),
  );
};

/** What happens, one change after the other; each is followed by a reading. */
const CASES: Readonly<Record<string, readonly Change[]>> = {
  'counters start anew': [rewrite((content) => content.replace(NUMBER, '1'))],
  'counters of 32 bits wrap': [
    rewrite((content) => content.replace(NUMBER, '4294967295')),
    rewrite((content) => content.replace(NUMBER, '12')),
  ],
  'a processor, disk or device goes away': [half],
  'files are missing': [fail('absent')],
  'files are denied': [fail('denied')],
  'files are garbage': [rewrite(() => '\0\u00ff\u00fe not what the kernel prints\n\n')],
  'files are empty': [rewrite(() => '')],
  'lines are very long': [
    rewrite((content, file) => `${content}${'x'.repeat(longIn(file))}\n`),
    rewrite((content, file) => content.replace('\n', `${' 7'.repeat(longIn(file) / 2)}\n`)),
  ],
  'names are not UTF-8': [rewrite((content) => content.replace(/[a-z](?=\d)/g, '$&\u00ff\u00fe'))],
};

function create(clock: FakeClock): readonly Sampler[] {
  const agent = { version: '0', arch: 'x64', os: 'linux' };
  return createSamplers('linux', { clock, agent, mountTimeoutMs: 0, textfileDir: '/none' });
}

const NAMES = create(new FakeClock()).map(({ name }) => name);

function named(name: string, clock: FakeClock): Sampler {
  const found = create(clock).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no sampler ${name}`);
  return found;
}

function folderOf(name: string): string {
  return join(import.meta.dirname, FIXTURES_OF[name] ?? name);
}

/** The machine of the first fixture. */
function machine(name: string): { readonly host: FakeHost; readonly files: readonly string[] } {
  const [fixture] = fixtures(folderOf(name));
  if (fixture === undefined) throw new Error(`sampler ${name} has no fixture`);
  const root = join(folderOf(name), 'testdata', fixture.name);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !['expected.txt', 'statfs.json'].includes(entry.name))
    .map((entry) => `/${relative(root, join(entry.parentPath, entry.name))}`);
  const step = Math.ceil(files.length / FILES_MAX);
  return { host: fixture.host, files: files.filter((_, i) => i % step === 0) };
}

async function told(sampler: Sampler, host: FakeHost, readings?: Readings): Promise<string[]> {
  return (await readLines(sampler, host, readings)).filter((line) => !VOLATILE.test(line));
}

it('has a row for every sampler of the register, with numbered fixtures', () => {
  const without = NAMES.filter((name) => !existsSync(join(folderOf(name), 'testdata')));
  expect(without.toSorted()).toEqual(Object.keys(ELSEWHERE).toSorted());
  for (const test of Object.values(ELSEWHERE)) {
    expect({ test, isThere: existsSync(join(import.meta.dirname, test)) }).toEqual({ test, isThere: true });
  }
  const folders = NAMES.filter((name) => !without.includes(name)).flatMap((name) =>
    fixtures(folderOf(name)).map((fixture) => fixture.name),
  );
  expect(folders.filter((folder) => !/^\d\d-[a-z0-9.-]+$/.test(folder))).toEqual([]);
});

describe.each(NAMES.filter((name) => ELSEWHERE[name] === undefined))('%s', (name) => {
  it.each(Object.entries(CASES))('%s', async (_what, changes) => {
    const { host, files } = machine(name);
    const clock = new FakeClock();
    const sampler = named(name, clock);
    const readings = new Readings({ sampler: name, intervalMs: 10_000 });
    const before = await told(sampler, host, readings);
    expect(before.filter((line) => line.startsWith('failed'))).toEqual([]);
    for (const change of changes) {
      change(host, files);
      await clock.advance(REMEMBER_DEAR_MS);
      const after = await told(sampler, host, readings);
      const fresh = await told(named(name, clock), host);
      // What was left out is counted from the start.
      expect(withoutDropped(after)).toEqual(withoutDropped(fresh));
      for (const line of after) {
        const values = [...line.matchAll(/="([^"]*)"/g)].map(([, value = '']) => value);
        expect(values.filter((value) => !isCleanText(value) || tooLong(value))).toEqual([]);
      }
    }
  });

  const hasNumbers = !WITHOUT_NUMBERS.has(name);
  it(`tells ${hasNumbers ? 'other numbers' : 'the same'} once the counters in its files start anew`, async () => {
    const { host, files } = machine(name);
    const clock = new FakeClock();
    const before = await told(named(name, clock), host);
    rewrite((content) => content.replace(NUMBER, '1'))(host, files);
    const after = await told(named(name, clock), host);
    expect(after.join('\n') === before.join('\n')).toBe(!hasNumbers);
  });
});

function withoutDropped(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !line.startsWith('dropped: '));
}

function tooLong(value: string): boolean {
  return Buffer.byteLength(value) > LIMITS.labelValueBytes;
}
