/** `rollcall-collector host …`: the hosts that a running collector knows, and what an administrator does to one of them. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import { askJson } from './ask-json.ts';
import { formatDuration } from '../query/parse/literals.ts';
import { table, timeText } from './output.ts';
import type { Asked } from './rules-remote.ts';
import { rangeOf, type RangeTimes } from './time.ts';

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
const availabilityShape = z.object({
  upMs: z.number(),
  downMs: z.number(),
  plannedMs: z.number(),
  unknownMs: z.number(),
  availableRatio: z.number().nullable(),
  spans: z.array(z.object({ fromMs: z.number(), toMs: z.number(), state: z.string(), reason: z.string() })),
  omittedSpans: z.number(),
});
const availabilityAnswerShape = z.object({
  hostId: z.string(),
  fromMs: z.number(),
  toMs: z.number(),
  seen: availabilityShape,
  corrected: availabilityShape,
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
 * @throws AppError BAD_CONFIG, COLLECTOR_UNREACHABLE, UNAUTHORIZED, NOT_FOUND, REVOKED
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

/**
 * How much of a span hosts were there: one of them with what happened to it, or all, a line each.
 * @param nowMs the end of the span when the times name none
 * @throws AppError BAD_CONFIG, COLLECTOR_UNREACHABLE, UNAUTHORIZED, NOT_FOUND, LIMIT_EXCEEDED
 */
export async function showAvailability(
  asked: Asked,
  nameOrId: string | undefined,
  { times, isJson, nowMs }: { readonly times: RangeTimes; readonly isJson: boolean; readonly nowMs: number },
): Promise<string> {
  const { fromMs, toMs } = rangeOf(times, nowMs);
  const hosts = nameOrId === undefined ? await allHosts(asked) : [await hostOf(asked, nameOrId)];
  const answers: { name: string; answer: z.output<typeof availabilityAnswerShape> }[] = [];
  const troubles: { name: string; hostId: string; error: { code: string; message: string } }[] = [];
  for (const { id, name } of hosts) {
    const path = `/v1/hosts/${id}/availability?from=${Math.max(0, fromMs)}&to=${toMs}`;
    try {
      answers.push({ name, answer: availabilityAnswerShape.parse(await askJson(asked, path)) });
    } catch (error) {
      // One host that was deleted meanwhile, or came and went too often, keeps nobody from the others' figures.
      if (hosts.length === 1 || !isOfOneHost(error)) throw error;
      troubles.push({ name, hostId: id, error: { code: error.code, message: error.message } });
    }
  }
  if (isJson)
    return `${JSON.stringify([...answers.map(({ name, answer }) => ({ name, ...answer })), ...troubles])}\n`;
  const rows = answers.map(({ name, answer: { seen, corrected } }) => [
    name,
    percent(corrected.availableRatio),
    percent(seen.availableRatio),
    ...[corrected.downMs, corrected.plannedMs, corrected.unknownMs].map(lasting),
  ]);
  const head = ['HOST', 'AVAILABLE', 'AS SEEN THEN', 'DOWN', 'PLANNED', 'UNKNOWN'];
  const [only] = answers;
  const story = nameOrId === undefined || only === undefined ? '' : storyOf(only.answer.corrected);
  const failed = troubles.map(({ name, error }) => `${name}: ${error.message}\n`).join('');
  return table(head, rows) + failed + story;
}

function isOfOneHost(error: unknown): error is AppError {
  return error instanceof AppError && (error.code === 'NOT_FOUND' || error.code === 'LIMIT_EXCEEDED');
}

function storyOf({ spans, omittedSpans }: z.output<typeof availabilityShape>): string {
  const rows = spans.map(({ fromMs, toMs, state, reason }) => [
    timeText(fromMs),
    lasting(toMs - fromMs),
    state,
    reason,
  ]);
  const omitted = omittedSpans === 0 ? '' : `${omittedSpans} older spans are left out\n`;
  return `\n${omitted}${table(['FROM', 'FOR', 'STATE', 'WHY'], rows)}`;
}

/**
 * Rounded down: 99.9999 % of a month with a second of silence are not 100 %. The same figure as on the page, which takes no
 * code from here: without the margin 0.57 would lose its last digit to binary fractions.
 */
function percent(ratio: number | null): string {
  return ratio === null ? '-' : `${(Math.floor(ratio * 100_000 + 1e-6) / 1_000).toFixed(3)} %`;
}

function lasting(spanMs: number): string {
  return spanMs === 0 ? '-' : formatDuration(Math.max(1, Math.round(spanMs / 1000)) * 1000);
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
