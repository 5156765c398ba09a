/** From what each process used to the busiest programs. Pure. */
import {
  PROGRAM_NAME_LENGTH_MAX,
  type ProcessSnapshot,
  type Program,
} from '@rollcall/shared/protocol/processes.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';

/** What one process used during the span. */
export interface ProcessShare {
  readonly pid: number;
  /** See ProcessUse. */
  readonly rawName: string;
  readonly cpuTicks: number;
  readonly memoryPages: number;
  /** Null where it could not be read. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
}

/** Programs that are told for each of processor, memory and disk; a program may be among several. */
const TOP_COUNT = 5;
const USER_HZ = 100;
const MS_PER_SECOND = 1_000;
const CPU_STEPS = 1_000;

interface Group {
  count: number;
  pid: number;
  pidTicks: number;
  cpuTicks: number;
  memoryPages: number;
  readBytes: number | null;
  writtenBytes: number | null;
}

/**
 * The busiest programs, those with the most processor time first.
 * @param spanMs how long was counted, above 0
 * @param pageBytes undefined when it is not known; then nobody's memory is
 */
export function busiestPrograms(
  shares: readonly ProcessShare[],
  { spanMs, pageBytes }: { readonly spanMs: number; readonly pageBytes: number | undefined },
): ProcessSnapshot {
  const groups = new Map<string, Group>();
  for (const share of shares) addShare(groups, share);
  const all = [...groups];
  const chosen = new Set([
    ...top(all, ({ cpuTicks }) => cpuTicks),
    ...top(all, ({ memoryPages }) => (pageBytes === undefined ? 0 : memoryPages)),
    ...top(all, ({ readBytes, writtenBytes }) => (readBytes ?? 0) + (writtenBytes ?? 0)),
  ]);
  const seconds = spanMs / MS_PER_SECOND;
  const perSecond = (bytes: number | null): number | null =>
    bytes === null ? null : Math.round(bytes / seconds);
  const programs = [...chosen]
    .sort(([, left], [, right]) => right.cpuTicks - left.cpuTicks || right.memoryPages - left.memoryPages)
    .map(([rawName, group]): Program => ({
      name: nameOf(rawName),
      count: group.count,
      pid: group.pid,
      cpus: Math.round((group.cpuTicks / USER_HZ / seconds) * CPU_STEPS) / CPU_STEPS,
      memoryBytes: pageBytes === undefined ? null : group.memoryPages * pageBytes,
      readBytesPerSecond: perSecond(group.readBytes),
      writtenBytesPerSecond: perSecond(group.writtenBytes),
    }));
  return { spanMs, programs };
}

function addShare(groups: Map<string, Group>, share: ProcessShare): void {
  const { rawName, pid, cpuTicks, memoryPages, readBytes, writtenBytes } = share;
  const group = groups.get(rawName);
  if (group === undefined) {
    groups.set(rawName, {
      count: 1,
      pid,
      pidTicks: cpuTicks,
      cpuTicks,
      memoryPages,
      readBytes,
      writtenBytes,
    });
    return;
  }
  group.count += 1;
  if (cpuTicks > group.pidTicks) {
    group.pid = pid;
    group.pidTicks = cpuTicks;
  }
  group.cpuTicks += cpuTicks;
  group.memoryPages += memoryPages;
  group.readBytes = sum(group.readBytes, readBytes);
  group.writtenBytes = sum(group.writtenBytes, writtenBytes);
}

/** What is known; null when nothing is. */
function sum(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : left + right;
}

function top(groups: readonly [string, Group][], by: (group: Group) => number): readonly [string, Group][] {
  return groups
    .filter(([, group]) => by(group) > 0)
    .sort(([, left], [, right]) => by(right) - by(left))
    .slice(0, TOP_COUNT);
}

function nameOf(rawName: string): string {
  return cleanText(Buffer.from(rawName, 'latin1').toString(), PROGRAM_NAME_LENGTH_MAX);
}
