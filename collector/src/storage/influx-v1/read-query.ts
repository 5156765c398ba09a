/**
 * Matchers as conditions of InfluxQL. Only what InfluxDB surely understands as we do is said there; the caller looks
 * through what comes back anyway. Source: InfluxDB 1.6, influxql/scanner.go (strings and regular expressions).
 */
import { METRIC_NAME } from '../labels.ts';
import type { Matcher } from '../matcher.ts';

/** Nothing that a scanner could take for an end or an escape of its own. */
const HAS_CONTROL = /\p{Cc}/u;

/** An identifier in double quotes. */
export function identifier(name: string): string {
  return `"${escaped(name, '"')}"`;
}

/** A field, also where a tag is called the same. */
export function fieldKey(name: string): string {
  return `${identifier(name)}::field`;
}

/** The condition that samples and tags must fulfil. */
export function conditions(
  matchers: readonly Matcher[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): string {
  const parts = matchers.flatMap((matcher) => condition(matcher) ?? []);
  const times = [`time >= ${timeText(fromMs)}`, `time <= ${timeText(toMs)}`];
  return [...parts, ...times].join(' AND ');
}

/** Undefined where the matcher must be applied to what comes back. */
function condition({ name, operator, value, matches }: Matcher): string | undefined {
  // Series without the tag fit, which InfluxDB sees in its own way.
  if (name === METRIC_NAME || matches('')) return undefined;
  if (HAS_CONTROL.test(name) || HAS_CONTROL.test(value) || !value.isWellFormed()) return undefined;
  switch (operator) {
    case '=':
      return `${identifier(name)}::tag = '${escaped(value, "'")}'`;
    case '=~':
      // A slash would end the expression, and cannot be escaped behind every backslash.
      return value.includes('/') ? undefined : `${identifier(name)}::tag =~ /^(?s:${value})$/`;
    case '!=':
    case '!~':
      return undefined;
  }
}

function escaped(text: string, quote: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', String.raw`\n`);
}

/** The last time that fits into InfluxDB's nanoseconds, and the first. */
const LAST_MS = 9_223_372_036_854;

function timeText(timeMs: number): string {
  return `${Math.min(Math.max(timeMs, -LAST_MS), LAST_MS)}ms`;
}
