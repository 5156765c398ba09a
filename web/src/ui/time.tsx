import { formatAgo, formatDateTime, formatIso, formatSpan } from '../format.ts';
import { usePage } from '../page.ts';

/** How long ago something was, kept current; the exact local time is in the tooltip. `null` reads `never`. */
export function TimeAgo({ timeMs }: { readonly timeMs: number | null }) {
  const { nowMs } = usePage();
  if (timeMs === null) return <span class="muted">never</span>;
  return (
    <time dateTime={formatIso(timeMs) ?? ''} title={formatDateTime(timeMs)}>
      {formatAgo(timeMs, nowMs.value)}
    </time>
  );
}

/** The span since `timeMs`, kept current, as for an uptime. */
export function SpanSince({ timeMs }: { readonly timeMs: number }) {
  const { nowMs } = usePage();
  return (
    <time dateTime={formatIso(timeMs) ?? ''} title={formatDateTime(timeMs)}>
      {formatSpan(nowMs.value - timeMs)}
    </time>
  );
}

/** An exact local date and time. */
export function At({ timeMs }: { readonly timeMs: number }) {
  return <time dateTime={formatIso(timeMs) ?? ''}>{formatDateTime(timeMs)}</time>;
}
