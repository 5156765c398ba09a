/** Accounts of the machine itself; those of a directory service are not asked for. */
import type { Host } from '../../host/host.ts';
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { isDenied, listNames, readText, type SectionReader } from '../source.ts';
import { parseAccounts, parseGroups, parseSudoers, unixUsers, usersContent } from './users.ts';

/** Files that sudo reads unless told otherwise; mode 0440, so that other users see nothing of them. */
const SUDOERS = '/etc/sudoers';
const SUDOERS_FOLDER = '/etc/sudoers.d';

export const usersReader: SectionReader = {
  name: 'users',
  read({ host }) {
    const accounts = parseAccounts(readText(host, '/etc/passwd') ?? '');
    const groups = parseGroups(readText(host, '/etc/group') ?? '');
    const sudoers = readSudoers(host);
    const sudoRules = sudoers === undefined ? NOT_READABLE : [...new Set(sudoers)].sort();
    return usersContent(unixUsers(accounts, groups, sudoers), { sudoRules });
  },
};

/** Who sudo gives rights to; none without sudo, undefined when that is kept from us. */
function readSudoers(host: Host): string[] | undefined {
  try {
    // sudo skips names with a dot and copies of editors (sudoers(5), @includedir).
    const names = listNames(host, SUDOERS_FOLDER).filter(
      (name) => !name.includes('.') && !name.endsWith('~'),
    );
    const paths = [SUDOERS, ...names.map((name) => `${SUDOERS_FOLDER}/${name}`)];
    return paths.flatMap((path) => parseSudoers(readText(host, path) ?? ''));
  } catch (error) {
    if (isDenied(error)) return undefined;
    throw error;
  }
}
