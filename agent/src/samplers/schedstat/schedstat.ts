/** Parses /proc/schedstat. Source: Documentation/scheduler/sched-stats.rst. */
import { lines, ParseError, parseNumber, words } from '../parse.ts';

const NS_PER_SECOND = 1_000_000_000;
/** Places behind the name of the processor; the same since version 15 of the file (Linux 2.6.26). */
const RUNNING = 6;
const WAITING = 7;
const TIMESLICES = 8;
const VERSION_MIN = 15;

export interface CpuSchedule {
  readonly cpu: string;
  readonly runningSeconds: number;
  readonly waitingSeconds: number;
  readonly timeslices: number;
}

/**
 * One per processor, in the order of the file.
 * @throws ParseError
 */
export function parseSchedstat(bytes: Buffer): readonly CpuSchedule[] {
  const rows = lines(bytes).map(words);
  const [name, version] = rows[0] ?? [];
  if (name !== 'version' || parseNumber(version, '/proc/schedstat version') < VERSION_MIN) {
    throw new ParseError(`parse /proc/schedstat: no version of ${VERSION_MIN} or later`);
  }
  return rows
    .filter(([first = '']) => /^cpu[0-9]+$/.test(first))
    .map(([first = '', ...columns]) => {
      const number = (index: number): number => parseNumber(columns[index], `/proc/schedstat ${first}`);
      return {
        cpu: first.slice('cpu'.length),
        runningSeconds: number(RUNNING) / NS_PER_SECOND,
        waitingSeconds: number(WAITING) / NS_PER_SECOND,
        timeslices: number(TIMESLICES),
      };
    });
}
