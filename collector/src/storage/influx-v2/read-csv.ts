/**
 * Annotated CSV, in which InfluxDB 2 answers: several tables, each behind rows that begin with `#` and a row with the
 * names of the columns. Source: docs.influxdata.com, "Annotated CSV", and RFC 4180 for quotes.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** One row with the columns of its table. */
export interface CsvRow {
  readonly columns: readonly string[];
  readonly cells: readonly string[];
}

/** What the answer says instead of rows when the query failed on its way. */
export class CsvError extends AppError {
  constructor(said: string) {
    super('STORE_FAILED', said);
  }
}

/**
 * The rows of all tables. Cells may hold line breaks inside of quotes.
 * @param recordBytesMax longest row
 * @throws CsvError when a table tells of an error; AppError QUERY_LIMIT when a row is too long
 */
export async function* csvRows(
  chunks: AsyncIterable<Buffer>,
  recordBytesMax: number,
): AsyncGenerator<CsvRow> {
  let columns: readonly string[] | undefined;
  for await (const cells of records(chunks, recordBytesMax)) {
    const [first = ''] = cells;
    if (cells.length === 1 && first === '') {
      // An empty line ends a table.
      columns = undefined;
    } else if (first.startsWith('#')) {
      columns = undefined;
    } else if (columns === undefined) {
      columns = cells;
    } else {
      const errorAt = columns.indexOf('error');
      if (errorAt >= 0 && columns.includes('reference')) throw new CsvError(cells[errorAt] ?? '');
      yield { columns, cells };
    }
  }
}

async function* records(chunks: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  const splitter = new RecordSplitter();
  for await (const chunk of chunks) {
    yield* splitter.feed(decoder.decode(chunk, { stream: true }));
    if (splitter.pendingLength > bytesMax) {
      throw new AppError('QUERY_LIMIT', `a row of the store's answer is longer than ${bytesMax} bytes`);
    }
  }
  yield* splitter.feed(decoder.decode());
  yield* splitter.end();
}

/** Cuts text into records of cells, wherever the pieces of the text end. */
class RecordSplitter {
  #pending = '';

  get pendingLength(): number {
    return this.#pending.length;
  }

  *feed(text: string): Generator<readonly string[]> {
    this.#pending += text;
    let start = 0;
    let isQuoted = false;
    for (let at = 0; at < this.#pending.length; at++) {
      const character = this.#pending[at];
      if (character === '"') isQuoted = !isQuoted;
      if (character !== '\n' || isQuoted) continue;
      yield cellsOf(this.#pending.slice(start, this.#pending[at - 1] === '\r' ? at - 1 : at));
      start = at + 1;
    }
    this.#pending = this.#pending.slice(start);
  }

  *end(): Generator<readonly string[]> {
    if (this.#pending !== '') yield cellsOf(this.#pending);
    this.#pending = '';
  }
}

function cellsOf(line: string): readonly string[] {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      let text = '';
      at++;
      while (at < line.length && (line[at] !== '"' || line[at + 1] === '"')) {
        text += line[at];
        at += line[at] === '"' ? 2 : 1;
      }
      cells.push(text);
      at++;
    } else {
      const end = line.indexOf(',', at);
      cells.push(line.slice(at, end < 0 ? line.length : end));
      at = end < 0 ? line.length : end;
    }
    if (at >= line.length) return cells;
    at++;
  }
}
