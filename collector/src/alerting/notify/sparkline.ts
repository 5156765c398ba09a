/** A curve as one line of text. */

const BARS = '▁▂▃▄▅▆▇█';

/** One block for each value, from the smallest to the largest; a gap is a blank. Empty when there is no value at all. */
export function sparkline(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return '';
  const min = Math.min(...known);
  const range = Math.max(...known) - min;
  return values
    .map((value) => {
      if (value === null) return ' ';
      const share = range === 0 ? 0.5 : (value - min) / range;
      return BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))] ?? '';
    })
    .join('');
}
