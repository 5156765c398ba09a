/** What the collector and its reading threads say to each other. Both ends are this program, so nothing is checked. */
import { AppError, type ErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { FinishedQuery } from '../query/query-log.ts';
import type { FitRequest, ListRequest, ParsedForm } from '../query/answers.ts';
import type { InstantOptions, QueryLimits, RangeOptions } from '../query/query.ts';
import type { RemoteReadRequest } from '../query/remote-read.ts';
import type { QueryResult } from '../query/results.ts';
import { Labels } from '../storage/labels.ts';
import type { ReadElsewhere } from '../storage/open-reader.ts';
import { packLabels, unpackLabels, type PackedLabels } from './label-lists.ts';
import type { SharedPieces } from './piece-places.ts';

/** What a thread is started with. */
export interface ThreadSettings {
  /** Of this thread alone. */
  readonly pieces: SharedPieces;
  readonly journalFile: string;
  /** Of a JournalChanges. */
  readonly journalChanges: SharedArrayBuffer;
  /** Folder of the block files. */
  readonly blocksDir: string;
  readonly limits: QueryLimits;
  /** Memory for the recent window of this thread. */
  readonly windowBytes: number;
  /** As what it keeps them; see FollowingOptions. */
  readonly memory: 'window' | 'columns';
  /** Memory for columns of block files that were read lately. */
  readonly blockCacheBytes: number;
  /** How much the thread steps back behind the rest of the collector when there are too few cores: 0 to 19. */
  readonly niceness: number;
  /** Where older samples are read, when that is not the store of the collector itself. */
  readonly elsewhere: ReadElsewhere | undefined;
}

/** Labels of a host; undefined when it is gone. */
export type HostEntry = readonly [
  agentId: string,
  identity: readonly (readonly [string, string])[] | undefined,
];

/** What a thread can be asked; `value` wants the value itself, the others finished bytes. */
export type Question =
  | {
      readonly kind: 'value-instant';
      readonly text: string;
      readonly options: InstantOptions;
      /** Of the label sets that the last answer had; undefined when it is not known. */
      readonly labelsHash: string | undefined;
    }
  | { readonly kind: 'value-range'; readonly text: string; readonly options: RangeOptions }
  | {
      readonly kind: 'instant';
      readonly text: string;
      readonly options: InstantOptions & { readonly limit: number };
    }
  | {
      readonly kind: 'range';
      readonly text: string;
      readonly options: RangeOptions & { readonly limit: number };
    }
  | { readonly kind: 'series' | 'labelNames' | 'newest'; readonly request: ListRequest }
  | { readonly kind: 'labelValues'; readonly name: string; readonly request: ListRequest }
  | { readonly kind: 'parsed'; readonly text: string; readonly form: ParsedForm }
  | { readonly kind: 'check'; readonly text: string }
  | { readonly kind: 'fitting'; readonly request: FitRequest }
  | { readonly kind: 'storeSizes'; readonly top: number }
  | { readonly kind: 'remoteRead'; readonly request: RemoteReadRequest };

export type ToThread =
  /** Answers to later questions know these hosts. */
  | { readonly kind: 'hosts'; readonly hosts: readonly HostEntry[] }
  /** Queries that are going to be asked again and again. */
  | { readonly kind: 'expect'; readonly texts: readonly string[] }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** The next piece is wanted. */
  | { readonly kind: 'more'; readonly id: number }
  /** Nobody waits for the answer any more. */
  | { readonly kind: 'leave'; readonly id: number };

/**
 * What a thread says, in order. A value, that something is in order, a failure and the last piece are the last word on a question: nothing of it is left
 * in the thread then.
 */
export type FromThread =
  | { readonly kind: 'value'; readonly id: number; readonly result: PackedResult }
  /** What was checked is in order. */
  | { readonly kind: 'checked'; readonly id: number }
  /** The first piece of an answer. */
  | {
      readonly kind: 'first';
      readonly id: number;
      readonly warnings: readonly string[];
      readonly infos: readonly string[];
      readonly piece: Piece;
      readonly isLast: boolean;
    }
  | { readonly kind: 'piece'; readonly id: number; readonly piece: Piece; readonly isLast: boolean }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError }
  /** The last word on a question whose answer nobody waited for to its end. */
  | { readonly kind: 'settled'; readonly id: number }
  | { readonly kind: 'noted'; readonly query: FinishedQuery }
  /** An answer that was taken too slowly was given up for others; what is said of its question follows. */
  | { readonly kind: 'dropped' }
  /** What its readings in memory take. */
  | { readonly kind: 'window'; readonly bytes: number }
  /** A block file is damaged; reads go on without the part. */
  | { readonly kind: 'damaged'; readonly text: string; readonly file: string };

/** Bytes of an answer: so many in a place of the shared memory, or a buffer when no place was free. */
export type Piece = { readonly place: number; readonly length: number } | Uint8Array<ArrayBuffer>;

/** An expected error, or the text of one that was not. */
export interface PlainError {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly isRetryable: boolean;
}

export function packError(error: unknown): PlainError {
  if (error instanceof AppError) {
    return { code: error.code, message: error.message, isRetryable: error.isRetryable };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: undefined, message, isRetryable: false };
}

export function unpackError({ code, message, isRetryable }: PlainError): Error {
  return code === undefined ? new Error(message) : new AppError(code, message, { isRetryable });
}

/** A QueryResult whose labels are plain arrays, which can be sent. */
export interface PackedResult extends Omit<QueryResult, 'value'> {
  readonly value:
    | Exclude<QueryResult['value'], { readonly kind: 'vector' | 'matrix' }>
    | {
        readonly kind: 'vector';
        readonly labels: PackedLabels;
        readonly timeMs: number;
        readonly values: Float64Array;
      }
    | {
        readonly kind: 'matrix';
        readonly labels: readonly (readonly string[])[];
        readonly points: readonly { readonly timestamps: Float64Array; readonly values: Float64Array }[];
      };
}

/** @param labelsHash of the question */
export function packResult({ value, ...notes }: QueryResult, labelsHash: string | undefined): PackedResult {
  if (value.kind === 'vector') {
    const { samples } = value;
    const list = samples.map(({ labels }) => labels);
    return {
      ...notes,
      value: {
        kind: 'vector',
        labels: packLabels(list, labelsHash),
        // All samples of a vector are of the evaluation time.
        timeMs: samples[0]?.timeMs ?? 0,
        values: Float64Array.from(samples, (sample) => sample.value),
      },
    };
  }
  if (value.kind === 'matrix') {
    return {
      ...notes,
      value: {
        kind: 'matrix',
        labels: value.series.map(({ labels }) => labels.flat),
        points: value.series.map(({ timestamps, values }) => ({ timestamps, values })),
      },
    };
  }
  return { ...notes, value };
}

/** @param unpack undoes what `packLabels` did to the labels of a vector */
export function unpackResult(
  { value, ...notes }: PackedResult,
  unpack: (labels: PackedLabels) => readonly Labels[] = unpackLabels,
): QueryResult {
  if (value.kind === 'vector') {
    const { timeMs, values } = value;
    const samples = unpack(value.labels).map((labels, i) => ({
      labels,
      timeMs,
      value: values[i] ?? Number.NaN,
    }));
    return { ...notes, value: { kind: 'vector', samples } };
  }
  if (value.kind === 'matrix') {
    const { labels, points } = value;
    const series = points.map((one, i) => ({ labels: Labels.ofFlat(labels[i] ?? []), ...one }));
    return { ...notes, value: { kind: 'matrix', series } };
  }
  return { ...notes, value };
}
