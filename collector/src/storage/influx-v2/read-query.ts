/**
 * The text of queries in Flux. Only what InfluxDB surely understands as we do is said there; the caller looks through
 * what comes back anyway. Source: docs.influxdata.com, Flux language specification, "String literals" and "Regular
 * expression literals".
 */
import { METRIC_NAME } from '../labels.ts';
import type { Matcher } from '../matcher.ts';

export interface FluxRange {
  /** UTC milliseconds, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Every sample that may fit. */
export function samplesQuery(bucket: string, matchers: readonly Matcher[], range: FluxRange): string {
  return `${source(bucket, matchers, range)}\n  |> drop(columns: ["_start", "_stop"])`;
}

/** One sample of each series that may fit. */
export function seriesQuery(bucket: string, matchers: readonly Matcher[], range: FluxRange): string {
  return `${source(bucket, matchers, range)}\n  |> last()\n  |> drop(columns: ["_start", "_stop"])`;
}

function source(bucket: string, matchers: readonly Matcher[], { fromMs, toMs }: FluxRange): string {
  const lines = [
    `from(bucket: ${quoted(bucket)})`,
    `  |> range(start: ${timeText(fromMs)}, stop: ${timeText(Math.floor(toMs) + 1)})`,
  ];
  for (const matcher of matchers) {
    const predicate = predicateOf(matcher);
    if (predicate !== undefined) lines.push(`  |> filter(fn: (r) => ${predicate})`);
  }
  return lines.join('\n');
}

/** Undefined where the matcher must be applied to what comes back. */
function predicateOf({ name, operator, value, matches }: Matcher): string | undefined {
  if (matches('') || !isPlain(value)) return undefined;
  if (name === METRIC_NAME) return operator === '=' ? nameIs(value) : undefined;
  if (!isPlain(name)) return undefined;
  const tag = `r[${quoted(name)}]`;
  switch (operator) {
    case '=':
      return `${tag} == ${quoted(value)}`;
    case '=~':
      // A slash would end the expression, and cannot be escaped behind every backslash.
      return value.includes('/') ? undefined : `${tag} =~ /^(?s:${value})$/`;
    case '!=':
    case '!~':
      return undefined;
  }
}

/** A name may have been split at any of its underscores, or not at all. */
function nameIs(name: string): string {
  const places = [`r._measurement == ${quoted(name)} and r._field == "value"`];
  for (let at = name.indexOf('_', 1); at > 0 && at < name.length - 1; at = name.indexOf('_', at + 1)) {
    places.push(
      `r._measurement == ${quoted(name.slice(0, at))} and r._field == ${quoted(name.slice(at + 1))}`,
    );
  }
  return places.map((place) => `(${place})`).join(' or ');
}

function isPlain(text: string): boolean {
  return !/\p{Cc}/u.test(text) && text.isWellFormed();
}

/** A string literal. `${` would begin an expression inside of it. */
function quoted(text: string): string {
  const escaped = text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('${', String.raw`\${`);
  return `"${escaped}"`;
}

/** The years that InfluxDB's nanoseconds hold. */
const FIRST_MS = Date.UTC(1678, 0, 1);
const LAST_MS = Date.UTC(2262, 0, 1);

function timeText(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, FIRST_MS), LAST_MS)).toISOString();
}
