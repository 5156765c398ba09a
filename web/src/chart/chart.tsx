import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { usePage } from '../page.ts';
import { chartColours } from './colours.ts';
import type { Line } from './lines.ts';
import type { Panel } from './panels.ts';
import { plotData, plotOptions } from './plot.ts';
import type { Timeline } from './timeline.ts';

/** Height of the plot with its time axis. */
const HEIGHT_PX = 168;

export interface ChartProps {
  readonly panel: Panel;
  readonly lines: readonly Line[];
  readonly timeline: Timeline;
  readonly onCursor: (index: number | null) => void;
}

/** The picture of a panel. It says nothing to people who hear the page; the table beside it does. */
export function Chart({ panel, lines, timeline, onCursor }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef({ lines, timeline, onCursor });
  newest.current = { lines, timeline, onCursor };
  const theme = useShownTheme();
  const names = lines.map((line) => line.name).join('\n');

  // A new plot only for new lines or colours; fresh values go into the plot that is there.
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const created = new uPlot(
      plotOptions({
        panel,
        lines: newest.current.lines,
        widthPx: element.clientWidth,
        heightPx: HEIGHT_PX,
        colours: chartColours(element),
        timeline: () => newest.current.timeline,
        onCursor: (index) => newest.current.onCursor(index),
      }),
      plotData(panel, newest.current.lines, newest.current.timeline),
      element,
    );
    plot.current = created;
    return () => {
      plot.current = null;
      created.destroy();
    };
  }, [panel, names, theme]);

  useLayoutEffect(() => {
    plot.current?.setData(plotData(panel, lines, timeline));
  }, [panel, lines, timeline]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return <div class="chart-plot" ref={box} aria-hidden="true" />;
}

/** A word that changes whenever the colours on the screen do. */
function useShownTheme(): string {
  const choice = usePage().theme.theme.value;
  const [isSystemDark, setSystemDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const onChange = (): void => setSystemDark(media.matches);
    media.addEventListener('change', onChange);
    return () => media.removeEventListener('change', onChange);
  }, []);
  return `${choice} ${isSystemDark ? 'dark' : 'light'}`;
}
