/**
 * Titles, descriptions and labels of alerts in Prometheus' template language (Go's `text/template` with its own
 * functions), so that rule files work unchanged. Ours besides: `$since`, since when the condition holds.
 */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { Labels } from '../../storage/labels.ts';
import { execute, TemplateError } from './execute.ts';
import { templateFunctions, type TemplateSample } from './functions.ts';
import { parseTemplate } from './parse.ts';
import { floatValue, stringValue, textMap, type Value } from './values.ts';

export interface TemplateContext {
  readonly labels: Labels;
  /** `null` when the rule has no value, such as a host that is down. */
  readonly value: number | null;
  /** Since when the condition holds, UTC milliseconds; `null` where nothing is known of it. */
  readonly sinceMs: number | null;
  readonly externalLabels?: Labels | undefined;
  readonly externalUrl?: string | undefined;
  /** For the function `query`: the result at the time of the evaluation. Without it the function fails. */
  readonly query?: ((expression: string) => readonly TemplateSample[]) | undefined;
}

/** Renders one text; control characters from outside are removed and the result is cut to `lengthMax`. */
export type Template = (context: TemplateContext, lengthMax: number) => string;

/** Longest share of a text that one label may take. */
const LABEL_LENGTH_MAX = 200;

const NO_PORTS = { query: (): never[] => [], externalUrl: '' };
const SCOPE = {
  functions: new Set(templateFunctions(NO_PORTS).keys()),
  variables: ['labels', 'value', 'externalLabels', 'externalURL', 'since'],
} as const;

/**
 * Prepares a template once, when its rule loads.
 * @throws AppError BAD_CONFIG saying what is wrong with it
 */
export function compileTemplate(text: string): Template {
  const expand = compileExpansion(text);
  return (context, lengthMax) => {
    const labels = Array.from(
      context.labels.entries(),
      ([name, value]) => [name, cleanText(value, LABEL_LENGTH_MAX)] as const,
    );
    return cleanText(expand({ ...context, labels }), lengthMax);
  };
}

/** The context of a template whose labels may come from anywhere. */
export interface ExpansionContext extends Omit<TemplateContext, 'labels'> {
  readonly labels: Iterable<readonly [string, string]>;
}

/**
 * Prepares a template; the result is the text exactly as Prometheus gives it. A failure while it runs is a text too:
 * `<error expanding template: …>`, since an alert must not be lost for a mistake in its description.
 * @throws AppError BAD_CONFIG saying what is wrong with it
 */
export function compileExpansion(text: string): (context: ExpansionContext) => string {
  if (!text.includes('{{')) return () => text;
  const template = parseTemplate(text, SCOPE);
  return (context) => {
    const { externalUrl = '', query = noQuery } = context;
    const values = {
      labels: textMap(context.labels),
      value: context.value === null ? stringValue('no value') : floatValue(context.value),
      externalLabels: textMap(context.externalLabels?.entries() ?? []),
      externalURL: stringValue(externalUrl),
      since: stringValue(context.sinceMs === null ? '' : sinceText(context.sinceMs)),
    };
    const dot: Value = {
      kind: 'map',
      entries: new Map([
        ['Labels', values.labels],
        ['Value', values.value],
        ['ExternalLabels', values.externalLabels],
        ['ExternalURL', values.externalURL],
      ]),
      zero: undefined,
    };
    try {
      return execute(template, {
        functions: templateFunctions({ query, externalUrl }),
        dot,
        variables: new Map(Object.entries(values)),
      });
    } catch (error) {
      if (error instanceof TemplateError) return `<error expanding template: ${error.message}>`;
      throw error;
    }
  };
}

function noQuery(): never {
  throw new TemplateError('no queries in this text');
}

/** An instant as `$since` shows it: `2026-03-01 02:00:00 UTC`. @param sinceMs UTC milliseconds */
export function sinceText(sinceMs: number): string {
  return `${new Date(sinceMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
