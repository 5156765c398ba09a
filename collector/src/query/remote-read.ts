/** Remote read: the samples of a request's queries, packed for a Prometheus that evaluates on our data. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { createQueryMatcher } from '../storage/matcher.ts';
import {
  decodeReadRequest,
  putSeries,
  type ReadQuery,
  type ReadRequest,
} from '../storage/remote-protocol/messages.ts';
import { putKey, WIRE } from '../storage/remote-protocol/protobuf.ts';
import { packPiece, PIECE_BYTES, snappyLength, unpackSnappy } from '../storage/remote-protocol/snappy.ts';
import type { Pacer } from './evaluate/evaluation.ts';
import { PatternTally } from './parse/pattern-tally.ts';
import { samplesOf, withSeries, type Reading } from './reading.ts';

/** What one request may ask for. */
export interface RemoteReadLimits {
  /** Bytes of a request, unpacked. */
  readonly readRequestBytes: number;
  readonly queriesPerRead: number;
  readonly matchersPerQuery: number;
  /** Samples of the answer, over all queries. */
  readonly samplesPerRead: number;
}

/** A request as it came, which can be sent from thread to thread. */
export interface RemoteReadRequest {
  /** A snappy block with a ReadRequest. */
  readonly body: Uint8Array;
  readonly limits: RemoteReadLimits;
}

/**
 * The answer to a ReadRequest: a packed ReadResponse with one result per query, series in label order. All samples are
 * read when it resolves, and its pieces, with memory of their own, are packed as they are taken; `values` is what waits for that,
 * in the measure of samples.
 * @param packing of the pieces: they are taken when the reading has ended
 * @throws AppError BAD_REQUEST, LIMIT_EXCEEDED, QUERY_LIMIT, QUERY_CANCELED (also from the pieces), and those of the store
 */
export async function readSamples(
  { body, limits }: RemoteReadRequest,
  reading: Reading,
  packing: Pacer,
): Promise<{ readonly data: AsyncIterable<Uint8Array<ArrayBuffer>>; readonly values: number }> {
  const { budget, pacer } = reading;
  const parts: Buffer[] = [];
  let samplesLeft = limits.samplesPerRead;
  const patterns = new PatternTally();
  for (const query of queriesOf(body, limits)) {
    const selection = { ...selectionOf(query, limits, patterns), samplesMax: samplesLeft };
    await withSeries(selection, reading, async (all) => {
      const result: Buffer[] = [];
      const writer = new ByteWriter(PIECE_BYTES);
      const keep = (): void => {
        budget.hold(samplesOf(writer.length));
        result.push(writer.copy());
      };
      for (const series of all) {
        samplesLeft -= series.timestamps.length;
        putSeries(writer, series);
        if (pacer.spend(series.timestamps.length)) await pacer.pause();
        if (writer.length < PIECE_BYTES) continue;
        keep();
        writer.reset();
      }
      keep();
      parts.push(resultKey(lengthOf(result)), ...result);
    });
  }
  const values = samplesOf(lengthOf(parts));
  // Until the parts are let go of, there are two of everything.
  budget.hold(values);
  return { data: pack(Buffer.concat(parts), packing), values };
}

function queriesOf(body: Uint8Array, limits: RemoteReadLimits): ReadRequest['queries'] {
  const { queries, acceptsSamples } = decodeReadRequest(unpackSnappy(body, limits.readRequestBytes));
  if (!acceptsSamples) {
    throw new AppError('BAD_REQUEST', 'the only response type is SAMPLES, and the client does not accept it');
  }
  if (queries.length > limits.queriesPerRead) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${queries.length} queries in one request, at most ${limits.queriesPerRead} are allowed`,
    );
  }
  return queries;
}

function selectionOf(
  { fromMs, toMs, matchers }: ReadQuery,
  limits: RemoteReadLimits,
  patterns: PatternTally,
) {
  if (matchers.length > limits.matchersPerQuery) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${matchers.length} matchers in one query, at most ${limits.matchersPerQuery} are allowed`,
    );
  }
  const selectors = matchers.map(({ name, operator, value }) => {
    const fault = operator.endsWith('~') ? patterns.add(value) : undefined;
    if (fault !== undefined) throw new AppError('BAD_REQUEST', fault);
    return createQueryMatcher(name, operator, value);
  });
  return { fromMs, toMs, matchers: selectors };
}

/** Key and length of a QueryResult. */
function resultKey(length: number): Buffer {
  const writer = new ByteWriter(16);
  putKey(writer, 1, WIRE.BYTES);
  writer.varint(length);
  return writer.copy();
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

async function* pack(content: Buffer, pacer: Pacer): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new Uint8Array(snappyLength(content.length));
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    yield new Uint8Array(packPiece(content.subarray(at, at + PIECE_BYTES)));
    if (pacer.spend(PIECE_BYTES)) await pacer.pause();
  }
}
