/**
 * How much of a span a host was there, from what is on record of its presence. The policy: silence counts as down unless
 * something proved that the host ran; planned work, and time in which nobody could know, count for neither side.
 */
import type { Availability, AvailabilityFigures, AvailabilitySpan, HostState } from '../api/types.ts';
import type { PresenceEntry } from './presence-history.ts';

/** The newest spans that an answer carries; the sums are of all. */
export const SPANS_MAX = 1_000;

/**
 * Pure.
 * @param entries oldest first; the first may begin before the span, and before it nothing is known
 * @param range UTC milliseconds, the end not included
 */
export function availabilityOf(
  entries: readonly PresenceEntry[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Availability {
  const spans: AvailabilitySpan[] = [];
  const add = (beginMs: number, endMs: number, state: HostState, reason: string): void => {
    const span = { fromMs: Math.max(beginMs, fromMs), toMs: Math.min(endMs, toMs), state, reason };
    if (span.toMs > span.fromMs) spans.push(span);
  };
  add(fromMs, entries[0]?.atMs ?? toMs, 'unknown', 'no record');
  let atMs = entries[0]?.atMs ?? toMs;
  for (const [index, { state, reason }] of entries.entries()) {
    // Entries from before and after a clock was set back overlap: what was said of a moment first counts.
    const endMs = Math.max(atMs, entries[index + 1]?.atMs ?? toMs);
    add(atMs, endMs, state, reason);
    atMs = endMs;
  }
  const lasted = (...states: readonly HostState[]): number =>
    spans.reduce((sum, span) => (states.includes(span.state) ? sum + span.toMs - span.fromMs : sum), 0);
  const figures = {
    upMs: lasted('up'),
    downMs: lasted('down', 'suspect'),
    plannedMs: lasted('planned'),
    unknownMs: lasted('unknown'),
  };
  return {
    ...figures,
    availableRatio: ratioOf(figures),
    spans: spans.slice(-SPANS_MAX),
    omittedSpans: Math.max(0, spans.length - SPANS_MAX),
  };
}

/** The figures of several hosts as if they were one; of none, nothing is known. Pure. */
export function sumOf(hosts: readonly AvailabilityFigures[]): AvailabilityFigures {
  const sum = { upMs: 0, downMs: 0, plannedMs: 0, unknownMs: 0 };
  for (const { upMs, downMs, plannedMs, unknownMs } of hosts) {
    sum.upMs += upMs;
    sum.downMs += downMs;
    sum.plannedMs += plannedMs;
    sum.unknownMs += unknownMs;
  }
  return { ...sum, availableRatio: ratioOf(sum) };
}

function ratioOf({ upMs, downMs }: Pick<AvailabilityFigures, 'upMs' | 'downMs'>): number | null {
  return upMs + downMs === 0 ? null : upMs / (upMs + downMs);
}
