/**
 * The agent's logger and the interface that both programs log through: one JSON object a line, a constant message,
 * data as fields. The collector puts pino behind the same interface.
 */
import type { Clock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** error = a person must act · warn = we coped · info = life cycle · debug = everything else. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * A logger that writes JSON lines to `write`. Strings are written as JSON, hence control characters and line breaks
 * from outside cannot forge a second line.
 */
export function jsonLogger(options: {
  readonly clock: Clock;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
}): Logger {
  const at = (level: LogLevel) => {
    if (ORDER[level] < ORDER[options.level]) return () => {};
    return (message: string, fields?: LogFields): void => {
      const time = new Date(options.clock.wallMs()).toISOString();
      options.write(`${JSON.stringify({ time, level, message, ...fields })}\n`);
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A logger that forgets everything; for tests and for commands that print their own result. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
