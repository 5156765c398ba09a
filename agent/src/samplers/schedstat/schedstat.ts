/** Parses /proc/schedstat. Source: Documentation/scheduler/sched-stats.rst. */
import { ParseError, parseNumber, parseNumbers } from '../parse.ts';

const NS_PER_SECOND = 1_000_000_000;
/** Places behind the name of the processor; the same since version 15 of the file (Linux 2.6.26). */
const RUNNING = 6;
const WAITING = 7;
const TIMESLICES = 8;
const VERSION_MIN = 15;
const VERSION = 'version ';
const PROCESSOR = 'cpu';
const NUMBER = /^[0-9]+$/;

export interface CpuSchedule {
  readonly cpu: string;
  readonly runningSeconds: number;
  readonly waitingSeconds: number;
  readonly timeslices: number;
}

/**
 * One per processor, in the order of the file. Lines of scheduling domains, which are most of it, are not read.
 * @throws ParseError
 */
export function parseSchedstat(text: string): readonly CpuSchedule[] {
  const schedules: CpuSchedule[] = [];
  checkVersion(text);
  for (let from = 0; from < text.length;) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    if (text.startsWith(PROCESSOR, from)) {
      const space = text.indexOf(' ', from);
      const cpu = text.slice(from + PROCESSOR.length, space === -1 || space > end ? end : space);
      if (NUMBER.test(cpu))
        schedules.push(parseLine(text, { cpu, from: from + PROCESSOR.length + cpu.length, end }));
    }
    from = end + 1;
  }
  return schedules;
}

function parseLine(
  text: string,
  { cpu, from, end }: { readonly cpu: string; readonly from: number; readonly end: number },
): CpuSchedule {
  const columns = parseNumbers(text, { from, end, what: `/proc/schedstat cpu${cpu}` });
  const { [RUNNING]: running, [WAITING]: waiting, [TIMESLICES]: timeslices } = columns;
  if (running === undefined || waiting === undefined || timeslices === undefined)
    throw new ParseError(`parse /proc/schedstat: ${columns.length} columns for processor ${cpu}`);
  return {
    cpu,
    runningSeconds: running / NS_PER_SECOND,
    waitingSeconds: waiting / NS_PER_SECOND,
    timeslices,
  };
}

/** @throws ParseError when the file is of another kind, or older */
function checkVersion(text: string): void {
  const newline = text.indexOf('\n');
  const line = text.slice(0, newline === -1 ? text.length : newline);
  const isKnown =
    line.startsWith(VERSION) &&
    parseNumber(line.slice(VERSION.length), '/proc/schedstat version') >= VERSION_MIN;
  if (!isKnown) throw new ParseError(`parse /proc/schedstat: no version of ${VERSION_MIN} or later`);
}
