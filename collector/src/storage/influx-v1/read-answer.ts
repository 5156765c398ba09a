/** Chunked answers of InfluxDB's `/query`: one JSON object a line, each with a piece of the results. */
import * as z from 'zod';
import { cleanText } from '@rollcall/shared/lib/text.ts';

const cell = z.union([z.number(), z.string(), z.boolean(), z.null()]);

const pieceSchema = z.object({
  error: z.string().optional(),
  results: z
    .array(
      z.object({
        error: z.string().optional(),
        series: z
          .array(
            z.object({
              name: z.string().default(''),
              tags: z.record(z.string(), z.string()).default({}),
              columns: z.array(z.string()),
              values: z.array(z.array(cell)).default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/** Rows of one measurement and tag set; a later piece may hold more of them. */
export interface AnswerSeries {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (number | string | boolean | null)[])[];
}

export type AnswerPiece =
  | { readonly kind: 'series'; readonly series: readonly AnswerSeries[] }
  /** InfluxDB says so inside of an answer with status 200. */
  | { readonly kind: 'error'; readonly said: string }
  | { readonly kind: 'garbled' };

const SHOWN_LENGTH_MAX = 300;

export function parsePiece(line: string): AnswerPiece {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch {
    return { kind: 'garbled' };
  }
  const parsed = pieceSchema.safeParse(content);
  if (!parsed.success) return { kind: 'garbled' };
  const { error, results } = parsed.data;
  const said = error ?? results.find((result) => result.error !== undefined)?.error;
  if (said !== undefined) return { kind: 'error', said: cleanText(said, SHOWN_LENGTH_MAX) };
  return { kind: 'series', series: results.flatMap(({ series }) => series) };
}
