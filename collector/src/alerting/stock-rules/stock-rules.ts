/** The rules that every collector runs from its first start. They stand beside this file, their unit tests in `tests`. */
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { RuleFolder, type NamedRuleFile } from '../rule-files/folder.ts';

/** In front of the names of these files, so that no file of a user can have the same. */
const PREFIX = 'stock/';

/** @throws AppError BAD_CONFIG when a file is broken, which only a broken installation can bring about */
export function readStockRules(disk: Disk): readonly NamedRuleFile[] {
  const folder = new RuleFolder(import.meta.dirname, disk);
  folder.refresh();
  const [broken] = folder.problems;
  if (broken !== undefined)
    throw new AppError('BAD_CONFIG', `stock rules: ${broken.file}: ${broken.problem}`);
  if (folder.files.length === 0) throw new AppError('BAD_CONFIG', 'stock rules: their files are missing');
  return folder.files.map(({ name, groups }) => ({ name: PREFIX + name, groups }));
}
