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

/** The last word of the line that starts with `kind`, which counts microseconds. */
function total(text: string, kind: string, what: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${kind} `));
  if (line === undefined) return undefined;
  return parseNumber(/ total=([0-9]+)$/.exec(line)?.[1], what) / US_PER_SECOND;
}
