/** Answers of the HTTP API of Prometheus, parsed. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import { storeFailure } from '../store-http.ts';

const failed = z.object({ status: z.literal('error'), errorType: z.string().optional(), error: z.string() });

const SHOWN_LENGTH_MAX = 300;

/** Names of labels or values. */
export const stringsAnswer = z.object({ status: z.literal('success'), data: z.array(z.string()) });

/** Label sets. */
export const seriesAnswer = z.object({
  status: z.literal('success'),
  data: z.array(z.record(z.string(), z.string())),
});

const point = z.tuple([z.number(), z.string()]);
const metric = z.record(z.string(), z.string());
const notes = { warnings: z.array(z.string()).optional(), infos: z.array(z.string()).optional() };

/** The result of a query. */
export const queryAnswer = z.object({
  status: z.literal('success'),
  ...notes,
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric, value: point })) }),
    z.object({
      resultType: z.literal('matrix'),
      result: z.array(z.object({ metric, values: z.array(point).default([]) })),
    }),
    z.object({ resultType: z.literal('scalar'), result: point }),
    z.object({ resultType: z.literal('string'), result: point }),
  ]),
});

/** An answer that a store gave instead of data. */
export class StoreRefusal extends AppError {
  readonly status: number;

  constructor(shownUrl: string, status: number, problem: string) {
    const { message } = storeFailure(shownUrl, problem);
    super('STORE_FAILED', message, { isRetryable: status === 429 || status >= 500 });
    this.status = status;
  }
}

/**
 * The answer in a body.
 * @throws StoreRefusal when the status is not 200; STORE_FAILED when the body is not what the schema says
 */
export function parseAnswer<T>(
  schema: z.ZodType<T>,
  { shownUrl, status, body }: { readonly shownUrl: string; readonly status: number; readonly body: Buffer },
): T {
  const content = jsonOf(body);
  if (status !== 200) {
    const reason = failed.safeParse(content);
    const said = reason.success ? reason.data.error.slice(0, SHOWN_LENGTH_MAX) : '';
    throw new StoreRefusal(shownUrl, status, `status ${status}${said === '' ? '' : `, ${said}`}`);
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw storeFailure(shownUrl, 'the answer is not one of the Prometheus API');
  return parsed.data;
}

function jsonOf(body: Buffer): unknown {
  try {
    const content: unknown = JSON.parse(body.toString('utf8'));
    return content;
  } catch {
    // What is no JSON fits no schema either.
    return undefined;
  }
}

/** A number as the API prints it: `+Inf`, `-Inf` and `NaN` besides decimals. */
export function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}
