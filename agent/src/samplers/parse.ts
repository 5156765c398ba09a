/** What the parsers of the kernel's text files share. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/**
 * Content that is not what the kernel prints. Its code is READ_FAILED; the record says `parse`.
 */
export class ParseError extends AppError {
  constructor(message: string) {
    super('READ_FAILED', message);
    this.name = 'ParseError';
  }
}

const LONGEST_SHOWN = 80;
const DECIMAL = /^-?[0-9]+(\.[0-9]+)?$/;

/**
 * A decimal number as the kernel prints them; no exponent, no hexadecimal, no empty text.
 * @throws ParseError naming `what`
 */
export function parseNumber(text: string | undefined, what: string): number {
  if (text === undefined || !DECIMAL.test(text)) {
    throw new ParseError(
      `parse ${what}: ${JSON.stringify((text ?? '').slice(0, LONGEST_SHOWN))} is not a number`,
    );
  }
  return Number(text);
}

/** The words of a line, which may start and end with white space. */
export function words(line: string): string[] {
  const trimmed = line.trim();
  return trimmed === '' ? [] : trimmed.split(/\s+/);
}
