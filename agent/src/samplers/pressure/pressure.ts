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

const TOTAL = ' total=';

/** The last word of the line, which counts microseconds. */
function total(text: string, kind: 'some' | 'full', what: string): number | undefined {
  const start = `${kind} `;
  const isFirst = text.startsWith(start);
  const from = isFirst ? 0 : text.indexOf(`\n${start}`) + 1;
  if (from === 0 && !isFirst) return undefined;
  const newline = text.indexOf('\n', from);
  const end = newline === -1 ? text.length : newline;
  const at = text.lastIndexOf(TOTAL, end);
  return parseNumber(at < from ? undefined : text.slice(at + TOTAL.length, end), what) / US_PER_SECOND;
}
