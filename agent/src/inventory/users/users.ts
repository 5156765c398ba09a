/** Local accounts and who may administer the machine. Pure. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import {
  NOT_READABLE,
  type InventoryRecord,
  type InventoryValue,
} from '@rollcall/shared/inventory/canonical.ts';
import { records, text, whole, word } from '../raw.ts';

/** One line of passwd(5). */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly shell: string;
}

/** One account as it is sent. */
export interface User {
  readonly name: string;
  /** Number on Unix, security identifier on Windows. */
  readonly id: string;
  readonly isAdmin: boolean | typeof NOT_READABLE;
  /** Whether somebody can log in with it. */
  readonly canLogIn: boolean;
}

const USERS_MAX = 10_000;
/** Groups whose members sudo and polkit take for administrators, by custom of the distributions. */
const ADMIN_GROUPS: ReadonlySet<string> = new Set(['sudo', 'wheel', 'admin']);
const NO_LOGIN = /\/(nologin|false|sync|halt|shutdown)$/;

export function usersContent(
  users: readonly User[],
  more: Readonly<Record<string, InventoryValue>> = {},
): InventoryRecord {
  const sorted = [...users]
    .filter(({ name }) => name !== '')
    .sort((left, right) => compareUtf8(left.name, right.name));
  const kept = sorted.slice(0, USERS_MAX);
  return {
    ...more,
    ...(sorted.length > kept.length ? { omitted: sorted.length - kept.length } : {}),
    users: kept.map(({ name, id, isAdmin, canLogIn }) => ({ name, id, isAdmin, canLogIn })),
  };
}

/** `/etc/passwd` (passwd(5)); lines that are no accounts are skipped. */
export function parseAccounts(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid, , , shell] = line.split(':');
    const numbers = [whole(uid), whole(gid)] as const;
    if (numbers[0] === null || numbers[1] === null || shell === undefined) return [];
    return [{ name: word(name), uid: numbers[0], gid: numbers[1], shell: word(shell) }];
  });
}

/** Names and numbers of groups, and their members (group(5)). */
export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export function parseGroups(content: string): Group[] {
  return content.split('\n').flatMap((line) => {
    const [name, , gidText, members] = line.split(':');
    const gid = whole(gidText);
    if (gid === null || members === undefined) return [];
    return [
      {
        name: word(name),
        gid,
        members: members
          .split(',')
          .filter((member) => member !== '')
          .map(word),
      },
    ];
  });
}

/** Who sudoers(5) gives a right to: names, and groups with `%` in front. Aliases and defaults are no names. */
export function parseSudoers(content: string): string[] {
  const joined = content.replaceAll('\\\n', ' ');
  return joined.split('\n').flatMap((line) => {
    const match = /^\s*(%?[\w.-]+)\s+[^=\s]+\s*=/.exec(line);
    const name = match?.[1];
    if (name === undefined || /^(Defaults|(User|Runas|Host|Cmnd|Cmd)_Alias)$/.test(name)) return [];
    return [word(name)];
  });
}

/** @param sudoers who it names, undefined when it is kept from us */
export function unixUsers(
  accounts: readonly Account[],
  groups: readonly Group[],
  sudoers: readonly string[] | undefined,
): User[] {
  const named = new Set(sudoers ?? []);
  const adminGroups = groups.filter(({ name }) => ADMIN_GROUPS.has(name) || named.has(`%${name}`));
  return accounts.map(({ name, uid, gid, shell }) => {
    const isMember = adminGroups.some((group) => group.gid === gid || group.members.includes(name));
    const isAdmin = uid === 0 || isMember || named.has(name);
    return {
      name,
      id: String(uid),
      isAdmin: isAdmin || (sudoers === undefined ? NOT_READABLE : false),
      canLogIn: !NO_LOGIN.test(shell) && shell !== '',
    };
  });
}

/** `dscl . -list /Users UniqueID` and `-read /Groups/admin GroupMembership`. Accounts of services begin with `_`. */
export function parseMacUsers(list: string, admins: string): User[] {
  const adminNames = new Set(
    admins
      .replace(/^GroupMembership:/, '')
      .trim()
      .split(/\s+/),
  );
  return list.split('\n').flatMap((line) => {
    const match = /^(\S+)\s+(-?\d+)$/.exec(line.trim());
    if (match === null) return [];
    const name = word(match[1]);
    const canLogIn = !name.startsWith('_') && !['daemon', 'nobody'].includes(name);
    return [{ name, id: match[2] ?? '', isAdmin: adminNames.has(name), canLogIn }];
  });
}

/** What `Get-LocalUser | ConvertTo-Json` prints. */
export function parseWindowsUsers(output: string): User[] {
  const root: unknown = JSON.parse(output);
  return records(Array.isArray(root) ? root : [root], USERS_MAX).map((raw) => ({
    name: text(raw, 'Name') ?? '',
    id: text(raw, 'Sid') ?? '',
    isAdmin: raw['IsAdmin'] === true,
    canLogIn: raw['Enabled'] === true,
  }));
}
