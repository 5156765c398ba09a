import type { ChartColours } from './plot.ts';

/**
 * The chart colours of the style sheet as they are in the present theme. The canvas cannot read `light-dark()` or
 * variables, so each colour is put on an element inside `root` and read back.
 */
export function chartColours(root: HTMLElement): ChartColours {
  const probe = document.createElement('span');
  probe.hidden = true;
  const resolve = (css: string): string => {
    probe.style.color = css;
    root.append(probe);
    const resolved = getComputedStyle(probe).color;
    probe.remove();
    return resolved;
  };
  return {
    grid: resolve('var(--chart-grid)'),
    text: resolve('var(--ink-muted)'),
    line: (colour) => resolve(`var(--series-${colour})`),
    fill: (colour, percent) =>
      resolve(`color-mix(in srgb, var(--series-${colour}) ${percent}%, transparent)`),
  };
}
