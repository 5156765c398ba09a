/** The folder with the rule files that a collector runs; looked through now and then for changes. */
import { join } from 'node:path';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { RULE_FILE_LENGTH_MAX } from './document.ts';
import { parseRuleFile, type RuleGroup } from './rule-file.ts';

/** A rule file in the last form that was in order. */
export interface NamedRuleFile {
  /** Its name in the folder. */
  readonly name: string;
  readonly groups: readonly RuleGroup[];
}

/** Files of a folder; further ones are left out and reported. */
const FILES_MAX = 500;
const FILE_NAME = /^[^.].*\.ya?ml$/;

/** A file that went away between two calls; reading it says so. */
const GONE = { modifiedMs: 0, sizeBytes: 0 } as const;

interface Known {
  readonly stamp: string;
  readonly groups: readonly RuleGroup[] | undefined;
  readonly problem: string | undefined;
}

/** A file that cannot be read or is malformed keeps the rules that it had, if it had any. */
export class RuleFolder {
  readonly #path: string;
  readonly #disk: Disk;
  #known: ReadonlyMap<string, Known> = new Map();
  #folderProblem: string | undefined;

  /** @param path absolute; a folder that does not exist has no rules */
  constructor(path: string, disk: Disk) {
    this.#path = path;
    this.#disk = disk;
  }

  /** All files that have or had rules in order, by name. */
  get files(): readonly NamedRuleFile[] {
    return [...this.#known].flatMap(([name, { groups }]) => (groups === undefined ? [] : [{ name, groups }]));
  }

  /** What is wrong, by file; one line for each problem. */
  get problems(): readonly { readonly file: string; readonly problem: string }[] {
    const ofFiles = [...this.#known].flatMap(([file, { problem }]) =>
      problem === undefined ? [] : [{ file, problem }],
    );
    return this.#folderProblem === undefined
      ? ofFiles
      : [{ file: this.#path, problem: this.#folderProblem }, ...ofFiles];
  }

  /** Reads what is new or has changed; returns whether anything has. */
  refresh(): boolean {
    const names = this.#names();
    if (names === undefined) return false;
    const before = this.#known;
    this.#known = new Map(names.map((name) => [name, this.#read(name, before.get(name))]));
    return (
      before.size !== this.#known.size || [...this.#known].some(([name, file]) => file !== before.get(name))
    );
  }

  /** Undefined when the folder cannot be listed: then all stays as it is. */
  #names(): readonly string[] | undefined {
    try {
      const names = this.#disk.list(this.#path).filter((name) => FILE_NAME.test(name));
      this.#folderProblem =
        names.length > FILES_MAX
          ? `${names.length} rule files, only the first ${FILES_MAX} are used`
          : undefined;
      return names.slice(0, FILES_MAX);
    } catch (error) {
      if (diskErrorCode(error) === 'ENOENT') return [];
      this.#folderProblem = describeError(error);
      return undefined;
    }
  }

  #read(name: string, before: Known | undefined): Known {
    const path = join(this.#path, name);
    let stamp = '';
    try {
      const { modifiedMs, sizeBytes } = this.#disk.stat(path) ?? GONE;
      stamp = `${modifiedMs} ${sizeBytes}`;
      if (before?.stamp === stamp) return before;
      return {
        stamp,
        groups: parseRuleFile(this.#disk.readFile(path, RULE_FILE_LENGTH_MAX).toString('utf8'), name),
        problem: undefined,
      };
    } catch (error) {
      const problem = describeError(error);
      if (before?.stamp === stamp && before.problem === problem) return before;
      return { stamp, groups: before?.groups, problem };
    }
  }
}
