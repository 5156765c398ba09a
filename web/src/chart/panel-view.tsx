import { useSignal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import type { Answer, Api } from '../api/client.ts';
import type { MatrixSeries } from '../api/prometheus.ts';
import { usePoll } from '../api/use-poll.ts';
import { formatDateTime, plural } from '../format.ts';
import { usePage } from '../page.ts';
import { PollFailure } from '../ui/failure.tsx';
import { Foreign } from '../ui/text.tsx';
import { Chart } from './chart.tsx';
import { linesOf, summaryOf } from './lines.ts';
import type { Line } from './lines.ts';
import { UNITS } from './panels.ts';
import type { Panel } from './panels.ts';
import { instanceIs, seconds } from './promql.ts';
import { rateWindowS, stepOf, timelineOf } from './timeline.ts';
import type { Range, Timeline } from './timeline.ts';

/** Charts are drawn anew once a step, but not more often than the first and not more rarely than the second. */
const REFRESH_MS_MIN = 10_000;
const REFRESH_MS_MAX = 60_000;

export interface PanelViewProps {
  readonly panel: Panel;
  readonly hostName: string;
  readonly range: Range;
}

interface PanelData {
  readonly timeline: Timeline;
  readonly answers: readonly (readonly MatrixSeries[])[];
}

/** One panel: title, chart, legend with values, and the same as a table for people who hear the page. */
export function PanelView({ panel, hostName, range }: PanelViewProps) {
  const { api, nowMs } = usePage();
  const intervalMs = Math.min(REFRESH_MS_MAX, Math.max(REFRESH_MS_MIN, stepOf(range) * 1000));
  const poll = usePoll(
    (abort) => loadPanel({ api, panel, hostName, timeline: timelineOf(range, nowMs.peek()) }, abort),
    intervalMs,
    [panel, hostName, range],
  );
  // While another range is loaded the old picture stays, dimmed.
  const shown = useRef<PanelData | null>(null);
  const fresh = poll.value.value;
  shown.current = fresh ?? shown.current;
  const isOld = fresh === null && poll.failure.value === null;
  return (
    <section class={isOld ? 'panel is-loading' : 'panel'} aria-labelledby={`panel-${panel.id}`}>
      <h3 id={`panel-${panel.id}`}>{panel.title}</h3>
      <PollFailure poll={poll} what="this chart" />
      {shown.current === null ? (
        <div class="chart-empty" />
      ) : (
        <PanelBody panel={panel} data={shown.current} range={range} />
      )}
    </section>
  );
}

interface PanelBodyProps {
  readonly panel: Panel;
  readonly data: PanelData;
  readonly range: Range;
}

function PanelBody({ panel, data, range }: PanelBodyProps) {
  const { lines, omittedCount } = useMemo(() => linesOf(panel, data.answers, data.timeline), [panel, data]);
  const cursor = useSignal<number | null>(null);
  if (lines.length === 0) return <p class="chart-empty">No data in the last {range.label}</p>;
  return (
    <>
      <Chart
        panel={panel}
        lines={lines}
        timeline={data.timeline}
        onCursor={(index) => {
          cursor.value = index;
        }}
      />
      <CursorTime timeline={data.timeline} cursor={cursor} />
      <Legend panel={panel} lines={lines} cursor={cursor} />
      {omittedCount === 0 ? null : <p class="chart-note">{plural(omittedCount, 'lower line')} not drawn</p>}
      <ValueTable panel={panel} lines={lines} range={range} />
    </>
  );
}

interface LinesProps {
  readonly panel: Panel;
  readonly lines: readonly Line[];
}

interface CursorProps {
  /** The point under the crosshair. */
  readonly cursor: ReadonlySignal<number | null>;
}

/** The time under the crosshair, in the corner of the panel. */
function CursorTime({ timeline, cursor }: CursorProps & { readonly timeline: Timeline }) {
  const index = cursor.value;
  if (index === null) return null;
  return (
    <p class="chart-time" aria-hidden="true">
      {formatDateTime((timeline.startS + index * timeline.stepS) * 1000)}
    </p>
  );
}

/** Name and value of each line: under the crosshair, or the latest. */
function Legend({ panel, lines, cursor }: LinesProps & CursorProps) {
  const index = cursor.value;
  return (
    <ul class="legend" aria-hidden="true">
      {lines.map((line) => (
        <li key={line.name}>
          <span class={`swatch is-series-${line.colour}`} />
          <Foreign text={line.name} maxLength={60} />{' '}
          <span class="legend-value">
            {UNITS[panel.unit](index === null ? summaryOf(line).latest : (line.values[index] ?? null))}
          </span>
        </li>
      ))}
    </ul>
  );
}

function ValueTable({ panel, lines, range }: LinesProps & { readonly range: Range }) {
  const format = UNITS[panel.unit];
  return (
    // A table cannot be made small itself, so it is hidden from the eye by what is around it.
    <div class="sr-only">
      <table>
        <caption>
          {panel.title}, last {range.label}
        </caption>
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">Latest</th>
            <th scope="col">Lowest</th>
            <th scope="col">Highest</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => {
            const { latest, min, max } = summaryOf(line);
            return (
              <tr key={line.name}>
                <th scope="row">
                  <Foreign text={line.name} />
                </th>
                <td>{format(latest)}</td>
                <td>{format(min)}</td>
                <td>{format(max)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface PanelRequest {
  readonly api: Api;
  readonly panel: Panel;
  readonly hostName: string;
  readonly timeline: Timeline;
}

/** Asks all queries of a panel; the first failure stands for the panel. */
async function loadPanel(request: PanelRequest, abort: AbortSignal): Promise<Answer<PanelData>> {
  const { api, panel, hostName, timeline } = request;
  const scope = { instance: instanceIs(hostName), window: seconds(rateWindowS(timeline.stepS)) };
  const results = await Promise.all(
    panel.traces.map((trace) => api.queryRange({ expression: trace.query(scope), ...timeline }, abort)),
  );
  const answers: (readonly MatrixSeries[])[] = [];
  for (const result of results) {
    if (result.kind !== 'ok') return result;
    answers.push(result.value);
  }
  return { kind: 'ok', value: { timeline, answers } };
}
