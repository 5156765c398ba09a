/** pino behind the interface that both programs log through. */
import type { Logger, LogLevel } from '@rollcall/shared/lib/log.ts';
import { pino } from 'pino';

/** A logger that writes JSON lines to standard error, so that standard output stays for results. */
export function pinoLogger(level: LogLevel): Logger {
  const target = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
  };
}
