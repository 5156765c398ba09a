/** The file with levels of their own, read again when it changes; a broken one keeps what was in force. */
import { diskErrorCode, type Disk } from '@rollcall/shared/lib/disk.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { RULE_FILE_LENGTH_MAX } from '../rule-files/document.ts';
import { badFile } from '../rule-files/rule-file.ts';
import { readThresholdFile, type ThresholdOverride } from './threshold-file.ts';

export class ThresholdStore {
  readonly #path: string;
  readonly #disk: Disk;
  #stamp = '';
  #overrides: readonly ThresholdOverride[] = [];
  #problem: string | undefined;

  /** @param path absolute; a file that does not exist has no entries */
  constructor(path: string, disk: Disk) {
    this.#path = path;
    this.#disk = disk;
  }

  get path(): string {
    return this.#path;
  }

  /** What is in force. */
  get overrides(): readonly ThresholdOverride[] {
    return this.#overrides;
  }

  /** What is wrong with the file, one line for each problem; undefined when nothing is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads the file if it has changed; returns whether anything has. */
  refresh(): boolean {
    try {
      const facts = this.#disk.stat(this.#path);
      const stamp = facts === undefined ? '' : `${facts.modifiedMs} ${facts.sizeBytes}`;
      if (stamp === this.#stamp) return false;
      const text =
        facts === undefined ? '' : this.#disk.readFile(this.#path, RULE_FILE_LENGTH_MAX).toString('utf8');
      const { overrides, problems } = readThresholdFile(text);
      this.#stamp = stamp;
      this.#problem = problems.length === 0 ? undefined : badFile('thresholds', problems).message;
      if (problems.length === 0) this.#overrides = overrides;
      return true;
    } catch (error) {
      // Gone between two calls: the next look sees it.
      if (diskErrorCode(error) === 'ENOENT') return false;
      const problem = describeError(error);
      const isNew = problem !== this.#problem;
      this.#problem = problem;
      return isNew;
    }
  }
}
