/** The files of the repository as the tidy test sees them. */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** Root of the repository. */
const ROOT = join(import.meta.dirname, '..', '..');

const NOT_OURS = new Set(['node_modules', 'dist', 'rollcall-data', 'coverage', '.git']);
const WORKSPACES = new Set(['shared', 'agent', 'collector', 'web', 'dashboards']);

/** A text file with its path from the root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** `text` with comments blanked out, so that positions stay the same. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly Import[];
}

/** One import or re-export of a module. */
export interface Import {
  readonly specifier: string;
  /** Path from the root of what is imported when it is ours, undefined for packages and `node:` modules. */
  readonly target: string | undefined;
  /** Nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
  readonly isReexport: boolean;
  readonly line: number;
}

/** All files that match one of the patterns, sorted by path. */
export function readSources(patterns: readonly string[]): SourceFile[] {
  const paths = globSync(patterns, {
    cwd: ROOT,
    exclude: (path) => NOT_OURS.has(path.split(/[\\/]/).at(-1) ?? ''),
  });
  return paths
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => readSource(path));
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const code = blankComments(text);
  return { path, text, code, lines: text.split('\n').length - 1, imports: importsOf(path, code) };
}

/** The line of a position, from 1. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

/** Whether a file runs only in tests: a test, a fake, or a suite that tests share. */
export function isTestOnly(path: string): boolean {
  return /\.test\.tsx?$|(^|\/)(testing|test|bench)\/|\/testing\.ts$|(^|[/-])conformance\.ts$|query\/scripts\//.test(
    path,
  );
}

/** Whether the specifier names a module of Node.js without saying so. */
export function isBareNodeModule(specifier: string): boolean {
  return !specifier.startsWith('node:') && builtinModules.includes(specifier);
}

/** Comments as blanks. Good enough for our own formatted code; a `//` inside a string is left alone after a colon. */
function blankComments(text: string): string {
  const blank = (comment: string): string => comment.replaceAll(/[^\n]/g, ' ');
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, blank)
    .replaceAll(
      /(^|[\s;{}(,])(\/\/.*)$/gm,
      (_all, before: string, comment: string) => before + blank(comment),
    );
}

const STATIC = /^(import|export)\s+(type\s+)?([^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

function importsOf(path: string, code: string): Import[] {
  const found: Import[] = [];
  for (const match of code.matchAll(STATIC)) {
    const [, keyword, type, clause = '', specifier = ''] = match;
    found.push({
      specifier,
      target: resolve(path, specifier),
      isTypeOnly: type !== undefined || hasOnlyTypes(clause),
      isReexport: keyword === 'export',
      line: lineAt(code, match.index),
    });
  }
  for (const match of code.matchAll(DYNAMIC)) {
    const [, specifier = ''] = match;
    const line = lineAt(code, match.index);
    found.push({ specifier, target: resolve(path, specifier), isTypeOnly: false, isReexport: false, line });
  }
  return found;
}

/** Whether each name in `{ type A, type B } from` is a type. */
function hasOnlyTypes(clause: string): boolean {
  const names =
    /^\{([^}]*)\}/
      .exec(clause)?.[1]
      ?.split(',')
      .map((name) => name.trim()) ?? [];
  const given = names.filter((name) => name !== '');
  return given.length > 0 && given.every((name) => name.startsWith('type '));
}

function resolve(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    return relative(ROOT, join(ROOT, dirname(path), specifier)).replaceAll('\\', '/');
  }
  const [, workspace = '', rest = ''] = /^@rollcall\/(\w+)\/(.+)$/.exec(specifier) ?? [];
  return WORKSPACES.has(workspace) ? `${workspace}/src/${rest}` : undefined;
}
