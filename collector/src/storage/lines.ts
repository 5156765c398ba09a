/** Splits text that arrives in pieces into lines. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/**
 * The lines of UTF-8 text without their ends (`\n` or `\r\n`); what stands behind the last end is a line if it is not
 * empty.
 * @param bytesMax longest line
 * @throws AppError QUERY_LIMIT when a line is longer, and those of `chunks`
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<string> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const take = (last: Buffer): string => {
    const line = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    pieces = [];
    bytes = 0;
    return line.toString('utf8', 0, line.at(-1) === 0x0d ? line.length - 1 : line.length);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (rest.length === 0) continue;
    bytes += rest.length;
    if (bytes > bytesMax) {
      throw new AppError('QUERY_LIMIT', `a line of the store's answer is longer than ${bytesMax} bytes`);
    }
    pieces.push(rest);
  }
  if (bytes > 0) yield take(Buffer.alloc(0));
}
