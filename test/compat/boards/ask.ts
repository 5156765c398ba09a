/** The queries of a board, asked as Grafana would ask them. */
import { z } from 'zod';
import type { Dashboard, Panel } from '../../../dashboards/src/grafana.ts';
import { ask } from '../query-api.ts';

/** One query of a panel. */
export interface BoardTarget {
  readonly board: string;
  readonly panel: string;
  readonly refId: string;
  readonly text: string;
  readonly isInstant: boolean;
  /** How the answer of InfluxDB is laid out. */
  readonly isTable: boolean;
}

/** The newest value of each series, by its labels; or why there is none. */
export type TargetAnswer =
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, number> }
  | { readonly kind: 'error'; readonly text: string };

/** The time that a board looks at, seconds. */
export interface Window {
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

/** Values of the variables of a board. */
export type Variables = Readonly<Record<string, string>>;

/** All queries of a board; those of its annotations are called by their names. */
export function targetsOf(board: Dashboard): readonly BoardTarget[] {
  const panels = board.panels.flatMap((panel): readonly Panel[] =>
    'panels' in panel ? panel.panels : [panel],
  );
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map((target) => ({
      board: board.uid,
      panel: title,
      refId: target.refId,
      text: textOf(target['expr']) || textOf(target['query']),
      isInstant: target['instant'] === true,
      isTable: target['resultFormat'] === 'table',
    })),
  );
  const marks = board.annotations.list.flatMap((mark) => {
    const text = textOf(mark['expr']) || textOf(mark['query']);
    if (text === '') return [];
    return [
      { board: board.uid, panel: `marks: ${mark.name}`, refId: '', text, isInstant: false, isTable: true },
    ];
  });
  return [...ofPanels, ...marks];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `$name`, `${name}` and `${name:format}` replaced; whatever is not known stays. */
function substitute(text: string, variables: Variables): string {
  return text.replaceAll(
    /\$\{(\w+)(?::\w+)?\}|\$(\w+)/g,
    (whole, braced: string | undefined, plain: string | undefined) =>
      variables[braced ?? plain ?? ''] ?? whole,
  );
}

/** Asks whatever speaks Prometheus' API. */
export async function askPrometheus(
  url: string,
  target: BoardTarget,
  { startS, endS, stepS }: Window,
  variables: Variables,
): Promise<TargetAnswer> {
  const query = substitute(target.text, variables);
  const answer = target.isInstant
    ? await ask(url, 'query', { query, time: endS })
    : await ask(url, 'query_range', { query, start: startS, end: endS, step: stepS });
  if (answer.status === 'error') return { kind: 'error', text: answer.error };
  const { data } = answer;
  if (data.resultType === 'vector') {
    return valuesOf(data.result.map(({ metric, value }) => [metric, Number(value[1])] as const));
  }
  if (data.resultType === 'matrix') {
    return valuesOf(data.result.map(({ metric, values }) => [metric, Number(values.at(-1)?.[1])] as const));
  }
  return valuesOf([[{}, Number(data.result[1])]]);
}

const influxAnswer = z.object({
  error: z.string().optional(),
  results: z
    .array(
      z.object({
        error: z.string().optional(),
        series: z
          .array(
            z.object({
              tags: z.record(z.string(), z.string()).default({}),
              columns: z.array(z.string()),
              values: z.array(z.array(z.union([z.number(), z.string(), z.null()]))),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/** Asks InfluxDB 1.x. */
export async function askInflux(
  url: string,
  target: BoardTarget,
  { startS, endS, stepS }: Window,
  variables: Variables,
): Promise<TargetAnswer> {
  const query = substitute(target.text, {
    ...variables,
    timeFilter: `time >= ${startS * 1000}ms and time <= ${endS * 1000}ms`,
    __interval: `${stepS}s`,
  });
  const parameters = new URLSearchParams({ db: 'rollcall', epoch: 'ms', q: query });
  const response = await fetch(`${url}/query?${parameters.toString()}`);
  const { error, results } = influxAnswer.parse(await response.json());
  const failure = error ?? results.find((result) => result.error !== undefined)?.error;
  if (failure !== undefined) return { kind: 'error', text: `${failure}: ${query}` };
  return valuesOf(
    results.flatMap(({ series }) =>
      series.map(
        ({ tags, values }) => [tags, Number(values.findLast(([, value]) => value !== null)?.[1])] as const,
      ),
    ),
  );
}

/** Labels without the name; a value that is none is left out, as a chart would. */
function valuesOf(series: readonly (readonly [Readonly<Record<string, string>>, number])[]): TargetAnswer {
  const entries = series
    .filter(([, value]) => Number.isFinite(value))
    .map(([labels, value]) => [keyOf(labels), value] as const);
  return { kind: 'values', values: new Map(entries) };
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.entries(labels)
      // InfluxDB says of a label that a series has not that it is empty.
      .filter(([name, value]) => name !== '__name__' && value !== '')
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}
