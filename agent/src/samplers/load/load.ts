/** Parses /proc/loadavg. Source: proc_loadavg(5). */
import { parseNumber, words } from '../parse.ts';

export interface LoadAverages {
  readonly over1Minute: number;
  readonly over5Minutes: number;
  readonly over15Minutes: number;
}

/** @throws ParseError */
export function parseLoad(text: string): LoadAverages {
  const [one, five, fifteen] = words(text);
  return {
    over1Minute: parseNumber(one, '/proc/loadavg'),
    over5Minutes: parseNumber(five, '/proc/loadavg'),
    over15Minutes: parseNumber(fifteen, '/proc/loadavg'),
  };
}
