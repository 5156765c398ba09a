/** Numbers, spans, times and foreign text as people read them. The only place where units are converted. */

/** Shown for what is not known; never a zero. */
export const NOT_KNOWN = '–';

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const DECIMAL_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'] as const;

/** `bytes` with a binary unit and about three digits: `15.6 GiB`. Negative values keep their sign. */
export function formatBytes(bytes: number | null): string {
  return scaled(bytes, 1024, BINARY_UNITS);
}

/** Bytes per second with a decimal unit, as network speeds are given: `1.2 MB/s`. */
export function formatBytesPerSecond(bytesPerSecond: number | null): string {
  return scaled(bytesPerSecond, 1000, DECIMAL_UNITS);
}

/** A ratio 0–1 as a whole percentage; small ones keep a decimal so that a busy trace is not shown as nothing. */
export function formatRatio(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return NOT_KNOWN;
  const percent = ratio * 100;
  const magnitude = Math.abs(percent);
  if (magnitude >= 9.95 || magnitude === 0) return `${percent.toFixed(0)}%`;
  return magnitude < 0.05 ? '<0.1%' : `${percent.toFixed(1)}%`;
}

/** A plain number with about three digits: `0.08`, `12.4`, `1,204`; whole numbers without decimals. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOT_KNOWN;
  const magnitude = Math.abs(value);
  if (magnitude >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(magnitude < 10 ? 2 : 1);
}

/** A whole number with separators of thousands. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span in its two largest units: `12 s`, `5 min`, `3 h 12 min`, `4 d 3 h`, `412 d`. Negative spans count as none. */
export function formatSpan(spanMs: number): string {
  const span = Math.max(0, spanMs);
  if (span < MINUTE_MS) return `${Math.floor(span / SECOND_MS)} s`;
  if (span < HOUR_MS) return `${Math.floor(span / MINUTE_MS)} min`;
  if (span < DAY_MS) return pair([span, HOUR_MS, 'h'], [MINUTE_MS, 'min']);
  if (span < 30 * DAY_MS) return pair([span, DAY_MS, 'd'], [HOUR_MS, 'h']);
  return `${formatCount(Math.floor(span / DAY_MS))} d`;
}

/** How long ago `timeMs` was, in the largest unit: `now`, `4 s ago`, `3 h ago`. What is still to come counts as now. */
export function formatAgo(timeMs: number | null, nowMs: number): string {
  if (timeMs === null) return 'never';
  const spanMs = nowMs - timeMs;
  if (spanMs < SECOND_MS) return 'now';
  const unitMs = [DAY_MS, HOUR_MS].find((unit) => spanMs >= unit) ?? SECOND_MS;
  return `${formatSpan(Math.floor(spanMs / unitMs) * unitMs)} ago`;
}

/** Local time of day with seconds, `14:02:11`. */
export function formatTimeOfDay(timeMs: number): string {
  const at = new Date(timeMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
}

/** Local date and time, `2026-03-01 14:02:11`; `–` for what no calendar holds. */
export function formatDateTime(timeMs: number): string {
  const at = new Date(timeMs);
  if (Number.isNaN(at.getTime())) return NOT_KNOWN;
  const date = [String(at.getFullYear()), twoDigits(at.getMonth() + 1), twoDigits(at.getDate())].join('-');
  return `${date} ${formatTimeOfDay(timeMs)}`;
}

/** The machine form for `<time datetime>`; `null` for what no calendar holds. */
export function formatIso(timeMs: number): string | null {
  const at = new Date(timeMs);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** `text` cut to `maxLength` UTF-16 units with an ellipsis in place of the rest, never inside a surrogate pair. */
export function clip(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const last = text.charCodeAt(maxLength - 2);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return `${text.slice(0, isHighSurrogate ? maxLength - 2 : maxLength - 1)}…`;
}

/** `1 host`, `2 hosts`, `0 hosts`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function scaled(value: number | null, base: number, units: readonly string[]): string {
  if (value === null || !Number.isFinite(value)) return NOT_KNOWN;
  let rest = value;
  let unit = 0;
  // 999.5 would print as 1000: what rounds up to the next unit is shown in it.
  while (Math.abs(rest) >= base - 0.5 && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  const magnitude = Math.abs(rest);
  const digits = unit === 0 || magnitude >= 99.95 ? 0 : 1;
  return `${rest.toFixed(digits)} ${units[unit] ?? ''}`;
}

function pair(
  [span, largeMs, largeUnit]: readonly [number, number, string],
  [smallMs, smallUnit]: readonly [number, string],
): string {
  const large = Math.floor(span / largeMs);
  const small = Math.floor((span % largeMs) / smallMs);
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
