/** Parses /proc/mdstat. Source: status and status_resync in drivers/md/md.c of Linux. */
import { lines, ParseError, parseNumber, words } from '../parse.ts';

/** The states of `node_md_state`; one is 1, the others are 0. */
export const RAID_STATES = ['active', 'check', 'inactive', 'recovering', 'resync'] as const;
export type RaidState = (typeof RAID_STATES)[number];

export interface RaidArray {
  readonly device: string;
  readonly state: RaidState;
  readonly disksActive: number;
  readonly disksFailed: number;
  readonly disksSpare: number;
  readonly disksRequired: number;
  /** Of 1 KiB. */
  readonly blocks: number;
  readonly blocksSynced: number;
}

const ARRAY_LINE = /^([^ ]+) : (active|inactive)( |$)/;
/** Levels without redundancy, whose disks are all needed. */
const IS_PLAIN = / (raid0|linear) /;

/**
 * The arrays in the order of the file; none is a valid answer.
 * @throws ParseError
 */
export function parseRaid(bytes: Buffer): readonly RaidArray[] {
  const all = lines(bytes);
  const [first = ''] = all;
  if (!first.startsWith('Personalities :')) throw new ParseError('parse /proc/mdstat: no personalities');
  const starts = all.flatMap((line, i) => (ARRAY_LINE.test(line) ? [i] : []));
  return starts.map((start, i) => parseArray(all.slice(start, starts[i + 1])));
}

function parseArray([heading = '', status = '', ...rest]: readonly string[]): RaidArray {
  const [, device = '', activity] = ARRAY_LINE.exec(heading) ?? [];
  const blocks = parseNumber(/^ +([0-9]+) blocks/.exec(status)?.[1], `/proc/mdstat ${device}`);
  // The first line names the disks as `sda1[0]`, `sdb1[1](F)` when failed, `sdc1[2](S)` when spare.
  const disks = words(heading).filter((word) => /\[[0-9]+\]/.test(word));
  const common = {
    device,
    blocks,
    disksFailed: disks.filter((disk) => disk.includes('(F)')).length,
    disksSpare: disks.filter((disk) => disk.includes('(S)')).length,
  };
  if (activity === 'inactive') {
    return { ...common, state: 'inactive', blocksSynced: blocks, disksActive: 0, disksRequired: 0 };
  }
  if (IS_PLAIN.test(heading)) {
    const count = disks.length;
    return { ...common, state: 'active', blocksSynced: blocks, disksActive: count, disksRequired: count };
  }
  const counts = / \[([0-9]+)\/([0-9]+)\]/.exec(status);
  const number = (text: string | undefined): number => parseNumber(text, `/proc/mdstat ${device}`);
  return {
    ...common,
    disksRequired: number(counts?.[1]),
    disksActive: number(counts?.[2]),
    ...parseSync(rest, { device, blocks }),
  };
}

/** The line of an array that is being repaired: `… recovery = 8.5% (16775552/195310144) …`, or `resync=PENDING`. */
function parseSync(
  rest: readonly string[],
  { device, blocks }: { readonly device: string; readonly blocks: number },
): Pick<RaidArray, 'state' | 'blocksSynced'> {
  for (const line of rest) {
    const kind = /(recovery|resync|check|reshape) ?=/.exec(line)?.[1];
    if (kind === undefined) continue;
    const isWaiting = /PENDING|DELAYED/.test(line);
    const done = / \(([0-9]+)\/[0-9]+\)/.exec(line)?.[1];
    return {
      state: kind === 'recovery' || kind === 'reshape' ? 'recovering' : kind === 'check' ? 'check' : 'resync',
      blocksSynced: isWaiting ? 0 : parseNumber(done, `/proc/mdstat ${device}`),
    };
  }
  return { state: 'active', blocksSynced: blocks };
}
