/** Prepares a bucket of InfluxDB 2.x. */
import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import * as z from 'zod';
import { REQUEST_LIMITS } from '../line-protocol/line-sink.ts';
import { refusedBy, unreachable, type PreparationOptions, type PreparationStep } from '../preparation.ts';

export interface InfluxV2Address {
  readonly url: string;
  readonly org: string;
  readonly bucket: string;
  readonly token?: string | undefined;
}

/**
 * Creates the bucket when it is missing and leaves it alone when it is there.
 * @throws AppError STORAGE_UNAVAILABLE (no answer), STORE_REFUSED (token, rights, organisation, another product)
 */
export async function prepareInfluxV2(
  address: InfluxV2Address,
  { retentionMs, isDryRun, signal }: PreparationOptions,
): Promise<readonly PreparationStep[]> {
  const { url, org, bucket, token } = address;
  const { transport } = new InfluxDB({
    url,
    timeout: REQUEST_LIMITS.totalMs,
    ...(token === undefined ? {} : { token }),
  });
  const ask = createAsk(transport, { url, signal });
  const health = healthSchema.safeParse(await ask('ask for its health', 'GET', '/health'));
  if (!health.success) throw refusedBy(`use ${url} as InfluxDB 2.x`, 'its /health is not that of InfluxDB');
  const steps: PreparationStep[] = [
    {
      what: `server at ${url}`,
      outcome: 'exists',
      text: `InfluxDB ${health.data.version ?? 'of unknown version'}`,
    },
  ];
  const orgs = orgsSchema.parse(
    await ask(`find the organisation ${org}`, 'GET', `/api/v2/orgs?${String(new URLSearchParams({ org }))}`),
  );
  const orgId = orgs.orgs.find(({ name, id }) => name === org || id === org)?.id;
  if (orgId === undefined)
    throw refusedBy(`find the organisation ${org}`, 'the token can see none of this name');
  const query = String(new URLSearchParams({ orgID: orgId, name: bucket }));
  const { buckets } = bucketsSchema.parse(
    await ask(`find the bucket ${bucket}`, 'GET', `/api/v2/buckets?${query}`),
  );
  if (buckets.some(({ name }) => name === bucket)) {
    steps.push({ what: `bucket ${bucket}`, outcome: 'exists', text: 'left as it is' });
  } else {
    const everySeconds = Math.round(retentionMs / 1_000);
    const body = { orgID: orgId, name: bucket, retentionRules: [{ type: 'expire', everySeconds }] };
    if (!isDryRun) await ask(`create the bucket ${bucket}`, 'POST', '/api/v2/buckets', JSON.stringify(body));
    steps.push({
      what: `bucket ${bucket}`,
      outcome: isDryRun ? 'planned' : 'created',
      text: `samples are kept for ${Math.round(everySeconds / 3_600)}h`,
    });
  }
  steps.push({
    what: 'rollups',
    outcome: 'note',
    text: 'none are made in InfluxDB 2.x: they would need a task in Flux for each bucket; the collector keeps its own',
  });
  return steps;
}

type Ask = (what: string, method: 'GET' | 'POST', path: string, body?: string) => Promise<unknown>;

function createAsk(
  transport: Transport,
  { url, signal }: { readonly url: string; readonly signal: AbortSignal },
): Ask {
  return async (what, method, path, body = '') => {
    try {
      const answer: unknown = await transport.request(path, body, {
        method,
        signal,
        headers: { accept: 'application/json' },
      });
      return answer;
    } catch (error) {
      if (error instanceof HttpError && error.statusCode < 500) {
        throw refusedBy(what, `${error.statusCode}: ${cleanText(meaningOf(error), REQUEST_LIMITS.textMax)}`);
      }
      if (error instanceof SyntaxError) throw refusedBy(what, `${url} does not answer with JSON`);
      throw unreachable(url, describeError(error));
    }
  };
}

function meaningOf({ statusCode, message }: HttpError): string {
  if (statusCode === 401) return `${message}; is the token right?`;
  if (statusCode === 403) return `${message}; the token lacks the right`;
  return message;
}

const healthSchema = z.object({ name: z.literal('influxdb'), version: z.string().optional() });
const orgsSchema = z.object({ orgs: z.array(z.object({ id: z.string(), name: z.string() })).default([]) });
const bucketsSchema = z.object({ buckets: z.array(z.object({ name: z.string() })).default([]) });
