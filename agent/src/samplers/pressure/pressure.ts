/** Parses /proc/pressure. Source: Documentation/accounting/psi.rst. */
import { ParseError, parseNumber } from '../parse.ts';

const US_PER_SECOND = 1_000_000;

/** Seconds since the start of the machine. */
export interface Pressure {
  /** Some task waited. */
  readonly waitingSeconds: number | undefined;
  /** All tasks waited; undefined when the kernel does not say. */
  readonly stalledSeconds: number | undefined;
}

/**
 * @param what the file, for messages
 * @throws ParseError when neither of the two lines is there
 */
export function parsePressure(text: string, what: string): Pressure {
  const pressure = { waitingSeconds: total(text, 'some', what), stalledSeconds: total(text, 'full', what) };
  if (pressure.waitingSeconds === undefined && pressure.stalledSeconds === undefined) {
    throw new ParseError(`parse ${what}: neither "some" nor "full"`);
  }
  return pressure;
}

/** The last word of the line, which counts microseconds; the second alternative is a line without one. */
const TOTALS = {
  some: /^some (?:.* )?total=([0-9]+)$|^some /m,
  full: /^full (?:.* )?total=([0-9]+)$|^full /m,
} as const;

function total(text: string, kind: keyof typeof TOTALS, what: string): number | undefined {
  const match = TOTALS[kind].exec(text);
  return match === null ? undefined : parseNumber(match[1], what) / US_PER_SECOND;
}
