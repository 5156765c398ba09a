/**
 * The busiest programs of a machine during a span: context for whoever looks at an alert, not series. Names of programs only,
 * never their arguments, in which people put passwords.
 */
import { cleanText } from '../lib/text.ts';
import type { JsonObject, JsonReader } from './json.ts';

/** Programs in one snapshot: some by processor, some by memory, some by disk. */
export const PROGRAMS_MAX = 15;
/** Longest name in UTF-16 units; the kernel itself keeps 15 bytes. */
export const PROGRAM_NAME_LENGTH_MAX = 32;
const SPAN_MS_MAX = 86_400_000;
/** More than any machine has. */
const PROCESSES_MAX = 4_194_304;

/** All processes of one name; what could not be read is null. */
export interface Program {
  /** As the kernel has it, without control characters; several programs may have the same. */
  readonly name: string;
  /** Processes of this name at the end of the span. */
  readonly count: number;
  /** Of the one among them that used the most processor time. */
  readonly pid: number;
  /** Processors that they kept busy on average, 1 is one of them; 6 digits are exact. */
  readonly cpus: number;
  readonly memoryBytes: number | null;
  /** From and to disks. */
  readonly readBytesPerSecond: number | null;
  readonly writtenBytesPerSecond: number | null;
}

/** The busiest programs, most processor time first; at most PROGRAMS_MAX. */
export interface ProcessSnapshot {
  /** How long was counted, milliseconds before the time of whoever carries it. */
  readonly spanMs: number;
  readonly programs: readonly Program[];
}

/** As the fields of a JSON object. */
export function processFields({ spanMs, programs }: ProcessSnapshot): JsonObject {
  return {
    spanMs,
    programs: programs.map(({ name, count, pid, cpus, ...rest }) => ({
      name,
      count,
      pid,
      cpus,
      memory: rest.memoryBytes,
      read: rest.readBytesPerSecond,
      written: rest.writtenBytesPerSecond,
    })),
  };
}

/**
 * Reads what `processFields` made. Names are cleaned again: whoever sent them may not have done it.
 * @throws AppError PROTOCOL_ERROR
 */
export function readProcesses(reader: JsonReader): ProcessSnapshot {
  const spanMs = reader.integer('spanMs', 1, SPAN_MS_MAX);
  const programs = reader.objectList('programs', PROGRAMS_MAX).map((each) => {
    const amount = (key: string): number | null => (each.isNull(key) ? null : each.integer(key, 0));
    return {
      name: cleanText(each.text('name', PROGRAM_NAME_LENGTH_MAX), PROGRAM_NAME_LENGTH_MAX),
      count: each.integer('count', 1, PROCESSES_MAX),
      pid: each.integer('pid', 1, PROCESSES_MAX),
      cpus: Math.min(PROCESSES_MAX, Math.max(0, each.number('cpus'))),
      memoryBytes: amount('memory'),
      readBytesPerSecond: amount('read'),
      writtenBytesPerSecond: amount('written'),
    };
  });
  return { spanMs, programs };
}
