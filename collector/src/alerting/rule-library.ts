/** All rules from where they come: settings, files that ship, the folder of the user, and levels of their own for some objects. */
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import type { Problem } from './rule-files/document.ts';
import { RuleFolder, type NamedRuleFile } from './rule-files/folder.ts';
import { bookOf, type RuleBook } from './rules/book.ts';
import type { Rule } from './rules/rule.ts';
import { withThresholds } from './thresholds/apply.ts';
import { readThresholdFile } from './thresholds/threshold-file.ts';
import { ThresholdStore } from './thresholds/threshold-store.ts';

/** A file or folder, absolute, and where it lies. */
export interface Place {
  readonly path: string;
  readonly disk: Disk;
}

export interface RuleLibraryOptions {
  readonly rules: readonly Rule[];
  readonly stockFiles: readonly NamedRuleFile[];
  /** Folder of rule files. */
  readonly folder: Place | undefined;
  /** File with levels of their own. */
  readonly thresholds: Place | undefined;
  /** Pace of groups that name none. */
  readonly intervalMs: number;
}

/** A file of rules or thresholds that is not in order; one line for each problem. */
export interface RuleProblem {
  readonly file: string;
  readonly problem: string;
}

export class RuleLibrary {
  readonly #options: RuleLibraryOptions;
  readonly #folder: RuleFolder | undefined;
  readonly #thresholds: ThresholdStore | undefined;
  #book: RuleBook;
  /** What is wrong with thresholds that are read well: rules that do not exist, for example. */
  #misfits: readonly RuleProblem[] = [];

  /** @throws AppError BAD_CONFIG when one of the collector's own rules is malformed */
  constructor(options: RuleLibraryOptions) {
    const { folder, thresholds } = options;
    this.#options = options;
    this.#folder = folder === undefined ? undefined : new RuleFolder(folder.path, folder.disk);
    this.#thresholds =
      thresholds === undefined ? undefined : new ThresholdStore(thresholds.path, thresholds.disk);
    this.#folder?.refresh();
    this.#thresholds?.refresh();
    this.#book = this.#compile();
  }

  /** What is in force. */
  get book(): RuleBook {
    return this.#book;
  }

  /** Files that are not in order; what they had before stays in force. */
  get problems(): readonly RuleProblem[] {
    const problem = this.#thresholds?.problem;
    const ofThresholds = problem === undefined ? [] : [{ file: 'thresholds', problem }];
    return [...(this.#folder?.problems ?? []), ...ofThresholds, ...this.#misfits];
  }

  /** Reads what has changed; returns whether anything has. */
  refresh(): boolean {
    const changes = [this.#folder?.refresh() ?? false, this.#thresholds?.refresh() ?? false];
    if (!changes.includes(true)) return false;
    this.#book = this.#compile();
    return true;
  }

  /** What would be wrong if this text were in force as thresholds. */
  checkThresholds(text: string): readonly Problem[] {
    const { overrides, problems } = readThresholdFile(text);
    return [...problems, ...withThresholds(this.#plainBook(), overrides).problems];
  }

  #compile(): RuleBook {
    const { book, problems } = withThresholds(this.#plainBook(), this.#thresholds?.overrides ?? []);
    this.#misfits = problems.map(({ line, message }) => ({
      file: 'thresholds',
      problem: `thresholds:${line}: ${message}`,
    }));
    return book;
  }

  /** Without the levels that some objects have of their own. */
  #plainBook(): RuleBook {
    const { rules, stockFiles, intervalMs } = this.#options;
    return bookOf(rules, [...stockFiles, ...(this.#folder?.files ?? [])], { intervalMs });
  }
}
