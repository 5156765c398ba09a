import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { windowOf } from './window.ts';
import type { RowWindow } from './window.ts';

/** Until a row has been measured. */
const ROW_HEIGHT_PX_GUESS = 36;

/**
 * The rows of a list to render, following the scrolling of the window, and the measured height of a row in pixels.
 * Rows carry `data-host`; all have one height, which the style sheet sets and larger text may change.
 */
export function useWindow(
  body: RefObject<HTMLElement | null>,
  rowCount: number,
): RowWindow & { readonly rowHeightPx: number } {
  const [view, setView] = useState({ first: 0, end: 60, rowHeightPx: ROW_HEIGHT_PX_GUESS });

  const measure = (): void => {
    const element = body.current;
    if (element === null) return;
    const rowHeightPx = pitchOf(element.querySelector('[data-host]')) ?? ROW_HEIGHT_PX_GUESS;
    const topPx = element.getBoundingClientRect().top;
    const { first, end } = windowOf({ rowCount, rowHeightPx, topPx, viewportPx: innerHeight });
    setView((old) =>
      old.first === first && old.end === end && old.rowHeightPx === rowHeightPx
        ? old
        : { first, end, rowHeightPx },
    );
  };

  useLayoutEffect(measure, [rowCount]);
  useEffect(() => {
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, [rowCount]);

  return view;
}

// Cards stand apart; the space between two belongs to their height.
function pitchOf(row: Element | null): number | null {
  if (row === null) return null;
  const marginPx = Number.parseFloat(getComputedStyle(row).marginBottom);
  return row.getBoundingClientRect().height + (Number.isFinite(marginPx) ? marginPx : 0);
}
