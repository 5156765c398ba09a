/** A question to our own API of a running collector, answered in JSON. */
import { AppError, isErrorCode } from '@rollcall/shared/lib/errors.ts';
import * as z from 'zod';
import { sendRequest } from './post-form.ts';

const errorShape = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/**
 * @param send what is sent: a body as JSON, a method; without either a plain GET, with a body alone a POST
 * @throws AppError BAD_CONFIG for a URL that is none, COLLECTOR_UNREACHABLE, and what the collector answers
 */
export async function askJson(
  { url, token }: { readonly url: string; readonly token: string | undefined },
  path: string,
  send: { readonly method?: 'POST' | 'DELETE'; readonly body?: unknown } = {},
): Promise<unknown> {
  const target = URL.parse(path, url);
  if (target === null || !['http:', 'https:'].includes(target.protocol)) {
    throw new AppError('BAD_CONFIG', `--url ${url}: must be an http:// or https:// URL`);
  }
  const { body, method = body === undefined ? 'GET' : 'POST' } = send;
  const content = body === undefined ? undefined : { type: 'application/json', body: JSON.stringify(body) };
  const { status, text } = await sendRequest(target, { method, content }, token);
  const answer = parsed(text);
  if (status === 200) return answer;
  const refusal = errorShape.safeParse(answer);
  if (!refusal.success)
    throw new AppError('COLLECTOR_UNREACHABLE', `ask ${target.href}: it answered ${status}`);
  const { code, message } = refusal.data.error;
  throw new AppError(isErrorCode(code) ? code : 'BAD_REQUEST', message);
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    // No JSON: the status alone tells what happened.
    return undefined;
  }
}
