/**
 * The agent's logger and the interface that both programs log through: one JSON object a line, a constant message,
 * data as fields. The collector puts pino behind the same interface.
 */
import type { Clock } from './clock.ts';
import { describeError } from './errors.ts';

/** From most to least talkative. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** What an event is about; values are plain data. */
export type LogFields = Readonly<Record<string, unknown>>;

/** error = a person must act · warn = we coped · info = life cycle · debug = everything else. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

// JSON escapes C0 controls only. DEL, C1 and bidirectional controls can still play tricks on a terminal. In numbers, as in
// text.ts.
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A logger that writes JSON lines to `write`. Control characters of any kind are escaped, so what comes from outside
 * can neither forge a second line nor steer a terminal. Never throws for what it is given.
 */
export function jsonLogger(options: {
  readonly clock: Clock;
  /** A function is asked for each event, so that the level may change. */
  readonly level: LogLevel | (() => LogLevel);
  readonly write: (line: string) => void;
}): Logger {
  const { level: wanted } = options;
  const levelNow = typeof wanted === 'function' ? wanted : () => wanted;
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (ORDER[level] < ORDER[levelNow()]) return;
      const time = new Date(options.clock.wallMs()).toISOString();
      options.write(`${jsonLine({ time, level, message }, fields)}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function jsonLine(event: LogFields, fields: LogFields | undefined): string {
  try {
    return printable({ ...event, ...fields });
  } catch (error) {
    // A ring, or a toJSON that throws: that it happened matters more than its fields.
    return printable({ ...event, problem: `fields cannot be printed: ${describeError(error)}` });
  }
}

function printable(event: LogFields): string {
  const text = JSON.stringify(event, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return text.replace(UNSAFE_IN_JSON, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A logger that forgets everything; for tests and for commands that print their own result. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
