/** How a host was over a span of time, as the page shows it: which spans there are, stretches of a kind, words. Pure. */
import type { Availability, AvailabilitySpan } from '../../../collector/src/api/types.ts';
import { NOT_KNOWN, formatSpan, plural } from '../format.ts';

/** The spans to choose from, shortest first. */
export const SPANS = [
  { id: '24h', label: '24 h', ms: 86_400_000 },
  { id: '7d', label: '7 d', ms: 7 * 86_400_000 },
  { id: '30d', label: '30 d', ms: 30 * 86_400_000 },
] as const;
export type Span = (typeof SPANS)[number];

const DEFAULT_SPAN: Span = SPANS[2];

/** The span with this id; thirty days for any other word. */
export function spanOf(id: string | undefined): Span {
  return SPANS.find((span) => span.id === id) ?? DEFAULT_SPAN;
}

/** `cut`: nobody saw it, and later something proved that it ran. */
export type Kind = 'up' | 'down' | 'cut' | 'planned' | 'unknown';

/** Trouble first, as the legend has them. */
export const KINDS = ['down', 'cut', 'planned', 'unknown', 'up'] as const satisfies readonly Kind[];

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  down: 'Down',
  cut: 'Cut off, but ran',
  planned: 'Planned',
  unknown: 'Unknown',
  up: 'Up',
};

/** A time in which a host was of one kind; UTC milliseconds. */
export interface Stretch {
  readonly kind: Kind;
  readonly fromMs: number;
  readonly toMs: number;
  /** Reasons of the collector in the order in which they came, each once. */
  readonly reasons: readonly string[];
}

/** Neighbours of one kind as one stretch, oldest first. */
export function stretchesOf({ spans }: Pick<Availability, 'spans'>): readonly Stretch[] {
  const stretches: Stretch[] = [];
  for (const span of spans) {
    const kind = kindOf(span);
    const before = stretches.at(-1);
    if (before?.kind !== kind || before.toMs !== span.fromMs) {
      stretches.push({ kind, fromMs: span.fromMs, toMs: span.toMs, reasons: [span.reason] });
      continue;
    }
    const reasons = before.reasons.includes(span.reason) ? before.reasons : [...before.reasons, span.reason];
    stretches[stretches.length - 1] = { ...before, toMs: span.toMs, reasons };
  }
  return stretches;
}

function kindOf({ state, reason }: AvailabilitySpan): Kind {
  if (state === 'up') return reason === 'records' || reason === 'uptime' ? 'cut' : 'up';
  return state === 'suspect' ? 'down' : state;
}

/** A share of time with three decimals, rounded down: a month with a second of silence is not `100%`. */
export function formatAvailable(ratio: number | null): string {
  if (ratio === null) return NOT_KNOWN;
  if (ratio >= 1) return '100%';
  // Without the margin 0.57 would lose its last digit to binary fractions.
  return `${(Math.floor(ratio * 100_000 + 1e-6) / 1000).toFixed(3)}%`;
}

/** A length of time, `–` for none. */
export function formatLasted(spanMs: number): string {
  return spanMs === 0 ? NOT_KNOWN : formatSpan(Math.max(1000, spanMs));
}

/** All stretches but the times up in one sentence, for people who hear the page: `Down once for 5 min; planned …`. */
export function describeStretches(stretches: readonly Stretch[]): string {
  const parts = KINDS.filter((kind) => kind !== 'up').flatMap((kind) => {
    const some = stretches.filter((stretch) => stretch.kind === kind);
    const lastedMs = some.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    if (some.length === 0) return [];
    const times = some.length === 1 ? 'once' : plural(some.length, 'time');
    return [`${KIND_WORDS[kind].toLowerCase()} ${times} for ${formatSpan(Math.max(1000, lastedMs))}`];
  });
  if (parts.length === 0) return stretches.length === 0 ? 'Nothing is known.' : 'Up all the time.';
  const text = parts.join('; ');
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

// Reasons as docs/operations.md explains them; one that is newer than this page is shown as it came.
const REASON_WORDS: ReadonlyMap<string, string> = new Map([
  ['enrolled', 'enrolled, not seen yet'],
  ['revoked', 'shut out'],
  ['collector_start', 'the collector had just started'],
  ['collector_stop', 'the collector was stopped'],
  ['collector_gone', 'the collector was not running'],
  ['no record', 'not on record'],
  ['silent', 'fell silent'],
  ['disconnected', 'lost the connection'],
  ['never_came', 'did not come back'],
  ['grace_over', 'stayed away'],
  ['vanished_together', 'vanished together with many'],
  ['planned_over', 'planned work took longer'],
  ['maintenance', 'maintenance'],
  ['records', 'its readings of that time came later'],
  ['uptime', 'its uptime reaches back over it'],
  ['bye_shutdown', 'shut down'],
  ['bye_reboot', 'restarted'],
  ['bye_update', 'was updated'],
  ['bye_stop', 'its agent was stopped'],
  ['bye_epoch', 'its agent began a new count'],
  ['bye_key', 'its agent changed its key'],
]);

/** Why a stretch was of its kind. Text of the collector; what is not known here is foreign. */
export function describeReasons({ reasons }: Pick<Stretch, 'reasons'>): string {
  return reasons.map((reason) => REASON_WORDS.get(reason) ?? reason).join(', ');
}
