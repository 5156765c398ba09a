/** Parses /proc/sys/fs/file-nr. Source: proc_sys_fs(5). */
import { ParseError, parseNumber, words } from '../parse.ts';

export interface OpenFiles {
  readonly allocated: number;
  readonly maximum: number;
}

const COLUMNS = 3;

/** The second of the three numbers is always 0 since Linux 2.6. @throws ParseError */
export function parseOpenFiles(text: string): OpenFiles {
  const columns = words(text);
  if (columns.length !== COLUMNS) {
    throw new ParseError(`parse /proc/sys/fs/file-nr: ${columns.length} columns`);
  }
  const number = (index: number): number => parseNumber(columns[index], '/proc/sys/fs/file-nr');
  return { allocated: number(0), maximum: number(2) };
}
