/** Remote read: the samples of a request's queries, packed for a Prometheus that evaluates on our data. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import type { Pacer } from '../../query/evaluation.ts';
import { createMatcher } from '../../storage/matcher.ts';
import type { StorageReader } from '../../storage/storage.ts';
import type { RemoteLimits } from './limits.ts';
import { decodeReadRequest, putSeries, type ReadQuery } from '../../storage/remote-protocol/messages.ts';
import { putKey, WIRE } from '../../storage/remote-protocol/protobuf.ts';
import { packPiece, PIECE_BYTES, snappyLength } from '../../storage/remote-protocol/snappy.ts';

export interface ReadContext {
  readonly limits: RemoteLimits;
  readonly storage: Pick<StorageReader, 'select'>;
}

/**
 * The answer to a ReadRequest: a packed ReadResponse with one result per query, series in label order.
 * @throws AppError BAD_REQUEST, LIMIT_EXCEEDED, QUERY_LIMIT, QUERY_CANCELED, and those of the store
 */
export async function readSamples(
  { limits, storage }: ReadContext,
  bytes: Buffer,
  { signal, pacer }: { readonly signal: AbortSignal; readonly pacer: Pacer },
): Promise<readonly Buffer[]> {
  const { queries, acceptsSamples } = decodeReadRequest(bytes);
  if (!acceptsSamples) {
    throw new AppError('BAD_REQUEST', 'the only response type is SAMPLES, and the client does not accept it');
  }
  if (queries.length > limits.queriesPerRead) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${queries.length} queries in one request, at most ${limits.queriesPerRead} are allowed`,
    );
  }
  const parts: Buffer[] = [];
  let samplesLeft = limits.samplesPerRead;
  for (const query of queries) {
    const all = await storage.select({ ...selectionOf(query, limits), samplesMax: samplesLeft }, signal);
    const result: Buffer[] = [];
    const writer = new ByteWriter(PIECE_BYTES);
    for (const series of all) {
      samplesLeft -= series.timestamps.length;
      putSeries(writer, series);
      if (pacer.spend(series.timestamps.length)) await pacer.pause();
      if (writer.length < PIECE_BYTES) continue;
      result.push(writer.copy());
      writer.reset();
    }
    result.push(writer.copy());
    parts.push(resultKey(lengthOf(result)), ...result);
  }
  return pack(parts, pacer);
}

function selectionOf({ fromMs, toMs, matchers }: ReadQuery, limits: RemoteLimits) {
  if (matchers.length > limits.matchersPerQuery) {
    throw new AppError(
      'LIMIT_EXCEEDED',
      `${matchers.length} matchers in one query, at most ${limits.matchersPerQuery} are allowed`,
    );
  }
  const selectors = matchers.map(({ name, operator, value }) => createMatcher(name, operator, value));
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

async function pack(parts: readonly Buffer[], pacer: Pacer): Promise<readonly Buffer[]> {
  const content = Buffer.concat(parts);
  const packed = [snappyLength(content.length)];
  for (let at = 0; at < content.length; at += PIECE_BYTES) {
    packed.push(packPiece(content.subarray(at, at + PIECE_BYTES)));
    if (pacer.spend(PIECE_BYTES)) await pacer.pause();
  }
  return packed;
}
