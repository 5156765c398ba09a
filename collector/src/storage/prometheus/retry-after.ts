/** The header `Retry-After`. Source: RFC 9110, section 10.2.3. */

/** Longest wait that a store may ask for. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** Milliseconds to wait from `nowMs` on; null when the header is missing or says nothing that can be understood. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const waitMs = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), RETRY_AFTER_MS_MAX) : null;
}
