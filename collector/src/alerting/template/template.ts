/**
 * Titles and descriptions of alerts: a small part of Prometheus' template language, so that rule files can use it
 * too. `{{ $labels.name }}` · `{{ $value }}` · `{{ $value | humanizePercentage }}` · `{{ $value | humanize1024 }}` ·
 * `{{ $since }}` (ours: since when the condition holds, UTC).
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { Labels } from '../../storage/labels.ts';

export interface TemplateContext {
  readonly labels: Labels;
  /** `null` when the rule has no value, such as a host that is down. */
  readonly value: number | null;
  readonly sinceMs: number;
}

/** Renders one text; control characters from outside are removed and the result is cut to `lengthMax`. */
export type Template = (context: TemplateContext, lengthMax: number) => string;

type Part = (context: TemplateContext) => string;

const PLACEHOLDER = /\{\{\s*(.*?)\s*\}\}/gs;
const LABEL = /^\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)$/;
/** Longest share of a text that one label may take. */
const LABEL_LENGTH_MAX = 200;

const FIXED: Readonly<Record<string, Part>> = {
  $value: ({ value }) => formatValue(value, String),
  '$value | humanizePercentage': ({ value }) => formatValue(value, (v) => `${significant(v * 100)}%`),
  '$value | humanize1024': ({ value }) => formatValue(value, humanize1024),
  $since: ({ sinceMs }) => `${new Date(sinceMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
};

/**
 * Prepares a template once, when its rule loads.
 * @throws AppError BAD_CONFIG naming the placeholder that is not known
 */
export function compileTemplate(text: string): Template {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    parts.push(literal(text.slice(end, match.index)), placeholder(match[1] ?? '', text));
    end = match.index + match[0].length;
  }
  parts.push(literal(text.slice(end)));
  return (context, lengthMax) => cleanText(parts.map((part) => part(context)).join(''), lengthMax);
}

function literal(text: string): Part {
  return () => text;
}

function placeholder(name: string, template: string): Part {
  const label = LABEL.exec(name)?.[1];
  if (label !== undefined) return ({ labels }) => cleanText(labels.get(label), LABEL_LENGTH_MAX);
  const fixed = Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
  if (fixed !== undefined) return fixed;
  throw new AppError(
    'BAD_CONFIG',
    `template "${template}": {{ ${name} }} is unknown, allowed are $labels.<name>, ${Object.keys(FIXED).join(', ')}`,
  );
}

function formatValue(value: number | null, format: (value: number) => string): string {
  if (value === null) return 'no value';
  return Number.isFinite(value) ? format(value) : String(value);
}

const BINARY_PREFIXES = ['', 'ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

function humanize1024(value: number): string {
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= 1024 && step < BINARY_PREFIXES.length - 1) {
    rest /= 1024;
    step += 1;
  }
  return `${significant(rest)}${BINARY_PREFIXES[step] ?? ''}`;
}

/** Four significant digits without trailing zeros, as Prometheus prints them (`%.4g`). */
function significant(value: number): string {
  return String(Number(value.toPrecision(4)));
}
