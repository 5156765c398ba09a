/** Cuts a stream of bytes into lines of text. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** Lines that came with one piece of the stream. */
export interface TextLines {
  /** Number of the first one, from 1. */
  readonly firstNumber: number;
  /** Without their line breaks. */
  readonly lines: readonly string[];
  /** Bytes of the stream up to the end of these lines. */
  readonly bytes: number;
}

/** Longest line taken, in bytes. */
export const LINE_BYTES_MAX = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * Yields the lines of `stream`, those of a piece together; a last line without a line break counts as one.
 * @throws AppError IMPORT_FAILED on a line that is too long or not UTF-8, naming it; whatever the stream throws
 */
export async function* textLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TextLines> {
  let rest = Buffer.alloc(0);
  let firstNumber = 1;
  let bytes = 0;
  const decode = (whole: Buffer): TextLines => {
    const lines = decodeLines(whole, firstNumber);
    const result = { firstNumber, lines, bytes };
    firstNumber += lines.length;
    return result;
  };
  for await (const piece of stream) {
    bytes += piece.length;
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    const head =
      rest.length === 0 ? Buffer.from(piece.subarray(0, end)) : Buffer.concat([rest, piece.subarray(0, end)]);
    if (end > 0) {
      yield decode(head.subarray(0, head.length - 1));
      rest = Buffer.from(piece.subarray(end));
    } else {
      rest = Buffer.concat([rest, piece]);
    }
    if (rest.length > LINE_BYTES_MAX) throw tooLong(firstNumber);
  }
  if (rest.length > 0) yield decode(rest);
}

function decodeLines(bytes: Buffer, firstNumber: number): readonly string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    const lines = decoder.decode(bytes).split('\n');
    const long = lines.findIndex(({ length }) => length > LINE_BYTES_MAX);
    if (long >= 0) throw tooLong(firstNumber + long);
    return lines;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('IMPORT_FAILED', `line ${firstNumber + badLine(bytes)}: not UTF-8`);
  }
}

/** Index of the first line that is not UTF-8. A line break is never part of a longer character. */
function badLine(bytes: Buffer): number {
  let index = 0;
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, at);
    const line = bytes.subarray(at, end < 0 ? bytes.length : end);
    if (end < 0 || !Buffer.from(line.toString('utf8'), 'utf8').equals(line)) return index;
    index++;
    at = end + 1;
  }
}

function tooLong(number: number): AppError {
  return new AppError('IMPORT_FAILED', `line ${number}: longer than ${LINE_BYTES_MAX} bytes`);
}
