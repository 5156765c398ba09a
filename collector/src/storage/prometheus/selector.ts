/** Matchers and times as the HTTP API of Prometheus takes them. */
import type { Matcher } from '../matcher.ts';

const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The last second of the year 9999: later ones are refused by some stores. */
const LAST_S = 253_402_300_799;
/** VictoriaMetrics takes 0 for "not given". */
const FIRST_S = 0.001;

/**
 * A selector that all of `matchers` stand in. One that would fit a series without labels is refused by every store, so
 * such a list gets one more matcher, which every series fits.
 */
export function selectorText(matchers: readonly Matcher[]): string {
  const parts = matchers.map(
    ({ name, operator, value }) =>
      `${PLAIN_NAME.test(name) ? name : quoted(name)}${operator}${quoted(value)}`,
  );
  if (matchers.every(({ matches }) => matches(''))) parts.unshift('__name__!=""');
  return `{${parts.join(',')}}`;
}

/** Whether every store takes the name of a label in its path. */
export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name);
}

/** A string of PromQL. Half a surrogate pair cannot be written there; the caller looks at the answer anyway. */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\u007f', String.raw`\u007f`);
}

/** Seconds since 1970 with three decimals, within what every store takes. */
export function secondsText(timeMs: number): string {
  return Math.min(Math.max(timeMs / 1000, FIRST_S), LAST_S).toFixed(3);
}
