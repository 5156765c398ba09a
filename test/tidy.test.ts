/** What no compiler checks: who imports whom, what is banned where, sizes, leftovers, dead exports and pages. */
import { describe, expect, it } from 'vitest';
import {
  ARROWS,
  BANS,
  CALLED_BY_TOOLS,
  UNREAD_EXPORTS,
  LEFTOVERS,
  LINES_MAX,
  RUNTIME_DEPENDENCIES,
  TYPES_ONLY,
} from './tidy/rules.ts';
import { isBareNodeModule, isTestOnly, lineAt, readSources, type SourceFile } from './tidy/sources.ts';

const CODE = readSources([
  '{shared,agent,collector,web}/src/**/*.{ts,tsx}',
  '{agent,collector}/bin/**/*.{ts,mjs}',
  '{bench,deploy,dashboards,docs,test}/**/*.{ts,mjs}',
  '*.config.ts',
  'web/*.ts',
]);
const TEXT = readSources([
  '*.{md,json}',
  '{docs,deploy,dashboards}/**/*.{md,json,yaml,yml,sh,service}',
  '*/package.json',
]);
const PRODUCT = CODE.filter(
  ({ path }) => /^(?:shared|agent|collector|web)\/(?:src|bin)\//.test(path) && !isTestOnly(path),
);
const PLACES = Object.keys(ARROWS).sort((left, right) => right.length - left.length);

/** The entry of ARROWS that a file belongs to. */
function placeOf(path: string): string | undefined {
  return PLACES.find((place) => liesIn(path, place));
}

function liesIn(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

const EXPORT = /^export (?:abstract )?(?:async )?(function\*?|const|let|class|interface|type) ([\w$]+)/gm;

/** Why `from` must not import `to`, undefined when it may. */
function wrongArrow(from: string, to: string, isTypeOnly: boolean): string | undefined {
  const here = placeOf(from);
  if (here === undefined) return 'lies in no place of ARROWS in test/tidy/rules.ts: add its folder there';
  if (isTestOnly(to)) return `imports ${to}, which is for tests`;
  const there = placeOf(to);
  if (there === undefined) return `imports ${to}, which lies in no place of ARROWS in test/tidy/rules.ts`;
  if (here === there) return undefined;
  if (!(ARROWS[here] ?? []).includes(there)) {
    return `imports ${there}; ${here} may only import ${ARROWS[here]?.join(', ') || 'nothing'}`;
  }
  return TYPES_ONLY.has(there) && !isTypeOnly ? `must import ${to} with "import type"` : undefined;
}

/** Places where `pattern` is found in `text`, as `path:line`. */
function findings(file: SourceFile, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(({ index }) => `${file.path}:${lineAt(text, index)}`);
}

describe('imports', () => {
  it('follow the arrows of docs/architecture.md', () => {
    const wrong = PRODUCT.flatMap((file) =>
      file.imports.flatMap(({ target, isTypeOnly, line }) => {
        const reason = target === undefined ? undefined : wrongArrow(file.path, target, isTypeOnly);
        return reason === undefined ? [] : [`${file.path}:${line} ${reason} (move the noun, not the rule)`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('are judged by rules that can fail', () => {
    const wrong = (from: string, to: string, isTypeOnly = false): boolean =>
      wrongArrow(from, to, isTypeOnly) !== undefined;
    expect(wrong('shared/src/lib/x.ts', 'shared/src/protocol/record.ts')).toBe(true);
    expect(wrong('agent/src/link/x.ts', 'collector/src/api/types.ts', true)).toBe(true);
    expect(wrong('collector/src/gateway/x.ts', 'agent/src/link/x.ts')).toBe(true);
    expect(wrong('collector/src/query/x.ts', 'collector/src/alerting/x.ts')).toBe(true);
    expect(wrong('collector/src/api/x.ts', 'collector/src/storage/memory/memory.ts')).toBe(true);
    expect(wrong('collector/src/cli/x.ts', 'collector/src/assembly/api.ts')).toBe(true);
    expect(wrong('collector/src/api/x.ts', 'collector/src/assembly/basics.ts', true)).toBe(true);
    expect(wrong('agent/src/link/x.ts', 'shared/src/testing/fake-clock.ts')).toBe(true);
    expect(wrong('agent/src/unheard-of/x.ts', 'shared/src/lib/x.ts')).toBe(true);
    expect(wrong('web/src/x.ts', 'shared/src/lib/text.ts')).toBe(true);
    expect(wrong('web/src/x.ts', 'collector/src/api/types.ts', false)).toBe(true);
    expect(wrong('web/src/x.ts', 'collector/src/api/types.ts', true)).toBe(false);
    expect(wrong('collector/src/gateway/x.ts', 'collector/src/journal/journal.ts')).toBe(false);
  });

  it('name a place that exists on both sides of every arrow', () => {
    const unknown = Object.entries(ARROWS).flatMap(([from, list]) =>
      list
        .filter((to) => !PLACES.includes(to))
        .map((to) => `${from} may import ${to}, which has no row of its own`),
    );
    expect(unknown).toEqual([]);
  });

  it('of test and bench happen nowhere else', () => {
    const mayNot = ({ path }: (typeof CODE)[number]): boolean =>
      !isTestOnly(path) && !path.startsWith('docs/') && path !== 'vitest.config.ts';
    const wrong = CODE.filter(mayNot).flatMap((file) =>
      file.imports
        .filter(({ target }) => /^(?:test|bench)\//.test(target ?? ''))
        .map(({ target, line }) => `${file.path}:${line} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('keep agent and collector apart in their tests too', () => {
    const wrong = CODE.flatMap((file) =>
      file.imports
        .filter(({ target = '' }) =>
          file.path.startsWith('agent/')
            ? target.startsWith('collector/')
            : file.path.startsWith('collector/') && target.startsWith('agent/'),
        )
        .map(
          ({ target, line }) => `${file.path}:${line} imports ${target}; what needs both belongs in test/`,
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('say node: for modules of Node.js, and the extension for files', () => {
    const wrong = CODE.flatMap((file) =>
      file.imports.flatMap(({ specifier, line }) => {
        if (isBareNodeModule(specifier)) return [`${file.path}:${line} write node:${specifier}`];
        const isOurs = specifier.startsWith('.') || /^@rollcall\/\w+\//.test(specifier);
        return isOurs && !/\.(?:tsx?|mjs|json|css)$/.test(specifier)
          ? [`${file.path}:${line} ${specifier} needs its extension`]
          : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('never go through a barrel or a default export', () => {
    const wrong = CODE.filter(({ path }) => !path.endsWith('.config.ts')).flatMap((file) => [
      ...findings(file, file.code, /^export default\b/gm).map((at) => `${at} default export`),
      ...file.imports
        .filter(({ isReexport }) => isReexport)
        .map(({ line }) => `${file.path}:${line} re-export: import from where it is`),
      ...(/(?:^|\/)index\.tsx?$/.test(file.path) ? [`${file.path}: call it what it is about`] : []),
    ]);
    expect(wrong).toEqual([]);
  });
});

describe('bans', () => {
  it.each(BANS)('$what: only in its few places', ({ pattern, instead, allowedIn }) => {
    const found = PRODUCT.filter(({ path }) => !allowedIn.some((place) => liesIn(path, place))).flatMap(
      (file) => findings(file, file.code, pattern),
    );
    expect(found.map((at) => `${at}: ${instead}`)).toEqual([]);
  });

  it.each([...BANS, ...LEFTOVERS])('$what: the pattern finds its example', ({ pattern, example }) => {
    expect([...example.matchAll(pattern)]).toHaveLength(1);
  });

  it.each(LEFTOVERS)('$what: nowhere', ({ pattern }) => {
    const found = [...CODE, ...TEXT]
      .filter(({ path }) => path !== 'package-lock.json' && path !== 'test/tidy/rules.ts')
      .flatMap((file) => findings(file, file.text, pattern));
    expect(found).toEqual([]);
  });
});

describe('files', () => {
  // Tests are lists of cases, which nobody reads from end to end.
  it(`of more than ${LINES_MAX} lines say at their top why they are long`, () => {
    const wrong = CODE.filter(({ path, lines }) => lines > LINES_MAX && !/\.test\.tsx?$/.test(path))
      .filter(({ text }) => !/\blong(?:er)?\b/i.test(/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? ''))
      .map(
        ({ path, lines }) =>
          `${path} has ${lines} lines: split it, or say "long" and why in its first comment`,
      );
    expect(wrong).toEqual([]);
  });

  it('have no export that nobody else mentions', () => {
    const mentions = new Map<string, Set<string>>();
    for (const { path, code } of CODE) {
      for (const [word] of code.matchAll(/[A-Za-z_$][\w$]*/g)) {
        const paths = mentions.get(word);
        if (paths === undefined) mentions.set(word, new Set([path]));
        else paths.add(path);
      }
    }
    const dead = CODE.flatMap((file) =>
      [...file.code.matchAll(EXPORT)].flatMap((match) => {
        const [, kind = '', name = ''] = match;
        const isMentioned = (mentions.get(name)?.size ?? 0) > 1;
        // A type may be the parameter of an exported function, which callers fill without naming it.
        const isPartOfAnother = /interface|type/.test(kind) && file.code.split(name).length > 2;
        const isKnown = [CALLED_BY_TOOLS, UNREAD_EXPORTS].some((known) => known.has(`${file.path} ${name}`));
        if (isMentioned || isPartOfAnother || isKnown) return [];
        const at = `${file.path}:${lineAt(file.code, match.index)}`;
        return [`${at} ${name}: take the word "export" away, or delete the whole thing`];
      }),
    );
    expect(dead).toEqual([]);
  });

  it('of decisions have a number of their own', () => {
    const numbers = TEXT.filter(({ path }) => path.startsWith('docs/decisions/')).map(({ path }) =>
      path.slice(15, 19),
    );
    expect(numbers.filter((number) => !/^\d{4}$/.test(number))).toEqual([]);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('dependencies', () => {
  const manifests = TEXT.filter(({ path }) => /^\w+\/package\.json$/.test(path));

  it.each(Object.entries(RUNTIME_DEPENDENCIES))('of %s at run time are %j', (workspace, allowed) => {
    const manifest: unknown = JSON.parse(
      manifests.find(({ path }) => path === `${workspace}/package.json`)?.text ?? '{}',
    );
    const names =
      typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest
        ? manifest.dependencies
        : {};
    const unwanted = Object.keys(names ?? {}).filter((name) => !allowed.includes(name));
    expect(unwanted).toEqual([]);
  });

  it('are what the code of agent and shared imports', () => {
    const wrong = PRODUCT.filter(({ path }) => /^(?:agent|shared)\//.test(path)).flatMap((file) =>
      file.imports
        .filter(({ target, specifier }) => target === undefined && !specifier.startsWith('node:'))
        .filter(({ specifier }) => !RUNTIME_DEPENDENCIES[file.path.split('/')[0] ?? '']?.includes(specifier))
        .map(({ specifier, line }) => `${file.path}:${line} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});
