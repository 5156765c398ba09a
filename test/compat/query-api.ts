/** A client of the Prometheus query API, for whoever serves it. */
import { z } from 'zod';

const sample = z.tuple([z.number(), z.string()]);
const metric = z.record(z.string(), z.string());
const answer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(z.object({ metric, value: sample })),
      }),
      z.object({
        resultType: z.literal('matrix'),
        result: z.array(z.object({ metric, values: z.array(sample) })),
      }),
      z.object({ resultType: z.literal('scalar'), result: sample }),
      z.object({ resultType: z.literal('string'), result: sample }),
    ]),
  }),
]);

/** An answer of `/api/v1/query` or `/api/v1/query_range`, checked. */
export type QueryAnswer = z.infer<typeof answer>;

/**
 * Asks `POST <base>/api/v1/query` (or `query_range`) with a form.
 * @param parameters times in seconds, steps in seconds
 */
export async function ask(
  base: string,
  route: 'query' | 'query_range',
  parameters: Readonly<Record<string, string | number>>,
): Promise<QueryAnswer> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) body.set(name, String(value));
  const response = await fetch(`${base}/api/v1/${route}`, { method: 'POST', body });
  return answer.parse(await response.json());
}

/** Number of series of an answer; -1 when it is an error. */
export function seriesCount(given: QueryAnswer): number {
  if (given.status === 'error') return -1;
  return given.data.resultType === 'vector' || given.data.resultType === 'matrix'
    ? given.data.result.length
    : 1;
}
