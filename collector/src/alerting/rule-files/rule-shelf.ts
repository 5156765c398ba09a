/** Changes the rule files of the collector: checked first, then put in place in one step. */
import { dirname, join } from 'node:path';
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { RULE_FILE_LENGTH_MAX, type Problem } from './document.ts';
import { badFile, readRuleFile } from './rule-file.ts';

export interface RuleShelfOptions {
  readonly disk: Disk;
  /** Folder of the rule files, absolute. */
  readonly folder: string;
  /** File with the thresholds, absolute. */
  readonly thresholdsPath: string;
  /** Everything that is wrong with a text of thresholds. */
  readonly checkThresholds: (text: string) => readonly Problem[];
  /** Told after each change. */
  readonly changed: () => void;
}

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.ya?ml$/;

/** Changes come one after the other; reading may happen in between. */
export class RuleShelf {
  readonly #options: RuleShelfOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: RuleShelfOptions) {
    this.#options = options;
  }

  /**
   * The text of a rule file.
   * @throws AppError BAD_REQUEST for a name that no rule file has, NOT_FOUND
   */
  read(name: string): string {
    return this.#readAt(join(this.#options.folder, checkedName(name)), `rule file ${name}`);
  }

  /**
   * Stores a rule file; it is in force when this resolves.
   * @throws AppError BAD_REQUEST, RULES_FAILED with every problem and its line; then nothing has changed
   */
  async put(name: string, text: string): Promise<void> {
    const { problems } = readRuleFile(text);
    if (problems.length > 0) throw broken(checkedName(name), problems);
    await this.#change(() => this.#replace(join(this.#options.folder, checkedName(name)), text));
  }

  /** @throws AppError BAD_REQUEST, NOT_FOUND */
  async remove(name: string): Promise<void> {
    const { folder, disk } = this.#options;
    const path = join(folder, checkedName(name));
    await this.#change(async () => {
      if (disk.stat(path) === undefined) throw new AppError('NOT_FOUND', `there is no rule file ${name}`);
      disk.remove(path);
      await disk.syncDir(folder);
    });
  }

  /** The text of the thresholds, empty when there are none. */
  readThresholds(): string {
    const { disk, thresholdsPath } = this.#options;
    return disk.stat(thresholdsPath) === undefined
      ? ''
      : this.#readAt(thresholdsPath, 'the file of thresholds');
  }

  /** @throws AppError RULES_FAILED with every problem and its line; then nothing has changed */
  async putThresholds(text: string): Promise<void> {
    const problems = this.#options.checkThresholds(text);
    if (problems.length > 0) throw broken('thresholds', problems);
    await this.#change(() => this.#replace(this.#options.thresholdsPath, text));
  }

  #readAt(path: string, what: string): string {
    try {
      return this.#options.disk.readFile(path, RULE_FILE_LENGTH_MAX).toString('utf8');
    } catch (error) {
      if (diskErrorCode(error) === 'ENOENT') throw new AppError('NOT_FOUND', `there is no ${what}`);
      throw error;
    }
  }

  async #change(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    // A failure is told to who asked; the next one has nothing to do with it.
    this.#last = done.catch(() => {});
    await done;
    this.#options.changed();
  }

  /** The old file stays until the new one is on the disk as a whole. */
  async #replace(path: string, text: string): Promise<void> {
    const { disk } = this.#options;
    const folder = dirname(path);
    disk.makeDir(folder);
    // The point in front keeps it from being read as a rule file.
    const draft = join(folder, '.rules.draft');
    if (disk.stat(draft) !== undefined) disk.remove(draft);
    const file = disk.open(draft, 'create');
    try {
      file.write(Buffer.from(text, 'utf8'), 0);
      await file.sync();
    } finally {
      file.close();
    }
    disk.rename(draft, path);
    await disk.syncDir(folder);
  }
}

function checkedName(name: string): string {
  if (FILE_NAME.test(name)) return name;
  throw new AppError(
    'BAD_REQUEST',
    `name of a rule file "${name.slice(0, 100)}": letters, digits, dots, dashes and underscores, ending with .yml or .yaml`,
  );
}

function broken(name: string, problems: readonly Problem[]): AppError {
  return new AppError('RULES_FAILED', badFile(name, problems).message);
}
