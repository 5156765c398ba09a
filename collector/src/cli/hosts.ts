/** `rollcall-collector host …`: the hosts that a running collector knows, and what an administrator does to one of them. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import { askJson } from './ask-json.ts';
import { table, timeText } from './output.ts';
import type { Asked } from './rules-remote.ts';

/** What is asked for at once; the collector gives no more. */
const PAGE_HOSTS = 5_000;
const HOST_ID = /^[0-9a-f]{32}$/;

/** `accept-restored` lets a machine in again that came back from an image, `revoke` shuts one out, `delete` forgets it. */
export type HostChange = 'accept-restored' | 'revoke' | 'delete';

const hostShape = z.object({
  id: z.string(),
  name: z.string(),
  state: z.string(),
  lastSeenMs: z.number().nullable(),
  agentVersion: z.string().nullable(),
  keyConflictMs: z.number().nullable(),
  revokedMs: z.number().nullable(),
});
const pageShape = z.object({ hosts: z.array(hostShape), next: z.string().nullable() });

type HostLine = z.output<typeof hostShape>;

/**
 * All hosts in name order, revoked ones too.
 * @throws AppError BAD_CONFIG, COLLECTOR_UNREACHABLE, UNAUTHORIZED
 */
export async function listHosts(asked: Asked, isJson: boolean): Promise<string> {
  const hosts = await allHosts(asked);
  if (isJson) return `${JSON.stringify(hosts)}\n`;
  const rows = hosts.map(({ id, name, state, lastSeenMs, agentVersion, ...marks }) => [
    name,
    marks.revokedMs === null ? state : 'revoked',
    lastSeenMs === null ? 'never' : timeText(lastSeenMs),
    agentVersion ?? '',
    id,
    noteOn(marks),
  ]);
  return table(['HOST', 'STATE', 'LAST SEEN', 'AGENT', 'ID', 'NOTE'], rows);
}

/**
 * @param nameOrId as `listHosts` shows them
 * @throws AppError BAD_CONFIG, COLLECTOR_UNREACHABLE, UNAUTHORIZED, NOT_FOUND
 */
export async function changeHost(asked: Asked, nameOrId: string, change: HostChange): Promise<string> {
  const { id, name } = await hostOf(asked, nameOrId);
  const path = `/v1/hosts/${id}`;
  switch (change) {
    case 'accept-restored':
      await askJson(asked, `${path}/accept-restored`, { method: 'POST' });
      return `${name} is let in with its next login, and begins a new history\n`;
    case 'revoke':
      await askJson(asked, `${path}/revoke`, { method: 'POST' });
      return `${name} is shut out for good; its data stay until they are too old or deleted\n`;
    case 'delete':
      await askJson(asked, path, { method: 'DELETE' });
      return `${name} is deleted; its data go by and by, and its agent must enrol to come back\n`;
  }
}

async function allHosts(asked: Asked): Promise<readonly HostLine[]> {
  const all: HostLine[] = [];
  let after: string | null = null;
  do {
    const cursor: string = after === null ? '' : `&after=${encodeURIComponent(after)}`;
    const page: z.output<typeof pageShape> = pageShape.parse(
      await askJson(asked, `/v1/hosts?limit=${PAGE_HOSTS}&revoked=with${cursor}`),
    );
    all.push(...page.hosts);
    after = page.next;
  } while (after !== null);
  return all;
}

async function hostOf(asked: Asked, nameOrId: string): Promise<HostLine> {
  if (HOST_ID.test(nameOrId)) return hostShape.parse(await askJson(asked, `/v1/hosts/${nameOrId}`));
  const host = (await allHosts(asked)).find(({ name }) => name === nameOrId);
  if (host !== undefined) return host;
  throw new AppError(
    'NOT_FOUND',
    `there is no host ${nameOrId}: rollcall-collector host list shows their names`,
  );
}

function noteOn({ revokedMs, keyConflictMs }: Pick<HostLine, 'revokedMs' | 'keyConflictMs'>): string {
  if (revokedMs !== null) return `shut out ${timeText(revokedMs)}`;
  return keyConflictMs === null ? '' : `key in use on two machines, seen ${timeText(keyConflictMs)}`;
}
