/**
 * Metrics of scripts and jobs, read from the files `*.prom` of a folder as node_exporter's textfile collector does. A file
 * that is wrong loses only itself. What the files say belongs to the machine's users: it is hostile until it is parsed.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText, compareUtf8, isCleanText } from '@rollcall/shared/lib/text.ts';
import { HostError, isAbsent, type FileFacts, type Host } from '../../host/host.ts';
import type { ForeignMetric } from '../layout.ts';
import type { Problem } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import { checkFile, Merge, type CheckedFile, type ForeignSeries } from './merge.ts';
import { parseTextFormat } from './text-format.ts';

/** Files that are read, in the order of their names. */
export const FILES_MAX = 64;
export const FILE_BYTES_MAX = 1024 * 1024;
const SHOWN_LENGTH_MAX = 80;
const MS_PER_SECOND = 1_000;

/** A file as it was when it was last parsed. */
interface KnownFile {
  readonly path: string;
  readonly facts: FileFacts;
  readonly outcome: CheckedFile | AppError;
}

/** What all files together say. */
interface Merged {
  readonly metrics: ReadonlyMap<string, ForeignMetric>;
  readonly series: readonly ForeignSeries[];
  /** Those that were taken in. */
  readonly files: readonly KnownFile[];
  readonly problems: readonly Problem[];
}

const NOTHING: Merged = { metrics: new Map(), series: [], files: [], problems: [] };

/** @param folder absolute, without a slash at the end */
export function textfileSampler(folder: string): Sampler {
  let known: ReadonlyMap<string, KnownFile> = new Map();
  let merged = NOTHING;
  return {
    name: 'textfile',
    pace: 'slow',
    metrics: ['node_textfile_mtime_seconds', 'node_textfile_scrape_error'],
    sample(host, readings) {
      const problems: Problem[] = [];
      const files = new Map<string, KnownFile>();
      for (const path of listFiles(host, folder, problems)) {
        const file = look(host, path, { folder, before: known.get(path), problems });
        if (file !== undefined) files.set(path, file);
      }
      if (!isSame(files, known)) merged = merge(files, merged.metrics);
      known = files;
      problems.push(...merged.problems);
      for (const { what, error } of problems) readings.complain(what, error);
      for (const { path, facts } of merged.files) {
        const modifiedMs = Math.round(facts.modifiedMs);
        readings.add('node_textfile_mtime_seconds', modifiedMs / MS_PER_SECOND, path);
      }
      readings.add('node_textfile_scrape_error', problems.length === 0 ? 0 : 1);
      for (const { metric, labels, value } of merged.series) readings.addLabelled(metric, labels, value);
    },
  };
}

/** Paths of the files that are read; a folder that cannot be listed, and files that are too many, are a problem. */
function listFiles(host: Host, folder: string, problems: Problem[]): readonly string[] {
  const names: string[] = [];
  try {
    for (const name of host.list(folder)) {
      if (!name.endsWith('.prom')) continue;
      if (isCleanText(name)) names.push(name);
      else problems.push({ what: folder, error: uncleanName(name) });
    }
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    problems.push({ what: folder, error });
    return [];
  }
  if (names.length > FILES_MAX) {
    const text = `it holds ${names.length} files *.prom, only the first ${FILES_MAX} are read`;
    problems.push({ what: folder, error: new AppError('LIMIT_EXCEEDED', text) });
  }
  names.sort(compareUtf8);
  return names.slice(0, FILES_MAX).map((name) => `${folder}/${name}`);
}

function uncleanName(name: string): AppError {
  const shown = JSON.stringify(cleanText(name, SHOWN_LENGTH_MAX));
  return new AppError('READ_FAILED', `the name of file ${shown} has control characters`);
}

/** The file as it is now; what is the same as before is not read again. Undefined when it is gone or cannot be looked at. */
function look(
  host: Host,
  path: string,
  {
    folder,
    before,
    problems,
  }: {
    readonly folder: string;
    readonly before: KnownFile | undefined;
    readonly problems: Problem[];
  },
): KnownFile | undefined {
  try {
    const facts = host.stat(path);
    if (before !== undefined && isSameFile(facts, before.facts)) return before;
    return { path, facts, outcome: readFile(host, path, facts) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // Between the list and the look a program may have removed it; a link to nowhere is still there.
    if (isAbsent(error) && !host.list(folder).some((name) => path === `${folder}/${name}`)) return undefined;
    problems.push({ what: path, error });
    return undefined;
  }
}

/**
 * What a file says, or what is wrong with what it says.
 * @throws HostError when it cannot be read, which may be otherwise the next time
 */
function readFile(host: Host, path: string, { isFile, bytes }: FileFacts): CheckedFile | AppError {
  if (!isFile) return new AppError('READ_FAILED', 'is not a regular file');
  if (bytes > FILE_BYTES_MAX) return tooLarge(bytes);
  const content = host.readOnce(path);
  if (content.length > FILE_BYTES_MAX) return tooLarge(content.length);
  try {
    return checkFile(path, parseTextFormat(content));
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function tooLarge(bytes: number): AppError {
  return new AppError('LIMIT_EXCEEDED', `has ${bytes} bytes, at most ${FILE_BYTES_MAX} are allowed`);
}

/** Puts the files together in their order; one that does not agree with those before it is a problem. */
function merge(files: ReadonlyMap<string, KnownFile>, known: Merged['metrics']): Merged {
  const all = new Merge(known);
  const taken: KnownFile[] = [];
  const problems: Problem[] = [];
  for (const file of files.values()) {
    const { path, outcome } = file;
    try {
      if (outcome instanceof AppError) throw outcome;
      all.add(outcome);
      taken.push(file);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      problems.push({ what: path, error });
    }
  }
  return { ...all.result(), files: taken, problems };
}

function isSame(left: ReadonlyMap<string, KnownFile>, right: ReadonlyMap<string, KnownFile>): boolean {
  if (left.size !== right.size) return false;
  for (const [path, file] of left) if (right.get(path) !== file) return false;
  return true;
}

function isSameFile(left: FileFacts, right: FileFacts): boolean {
  return (
    left.isFile === right.isFile &&
    left.bytes === right.bytes &&
    left.modifiedMs === right.modifiedMs &&
    left.inode === right.inode
  );
}
