/** What must be true of every board; each check returns what is wrong, in words. */
import { childrenOf, type Expr } from '../../../collector/src/query/parse/ast.ts';
import { parseQuery } from '../../../collector/src/query/parse/parse.ts';
import { isMetricName } from '@rollcall/shared/catalogue/metrics.ts';
import type { Dashboard, Panel, Row } from '../grafana.ts';
import { UNITS } from '../panel.ts';
import type { Flavour } from '../query.ts';

/** A check; `metrics` are the names that exist besides those of the catalogue. */
export type Check = (board: Dashboard, flavour: Flavour, metrics: ReadonlySet<string>) => readonly string[];

/** What Grafana fills in by itself. */
const BUILT_IN = /^(?:__\w+|timeFilter|tag_\w+)$/;

/** All panels but rows, also folded ones. */
export function panelsOf(board: Dashboard): readonly Panel[] {
  return board.panels.flatMap((panel) => (isRow(panel) ? panel.panels : [panel]));
}

/** The texts of all queries of a board, in either language, and where they stand. */
export function queriesOf(board: Dashboard): readonly { readonly at: string; readonly text: string }[] {
  const ofPanels = panelsOf(board).flatMap(({ title, targets = [] }) =>
    targets.map((target) => ({ at: `${title} ${target.refId}`, text: textOf(target) })),
  );
  const ofMarks = board.annotations.list
    .map((mark) => ({ at: mark.name, text: textOf(mark) }))
    .filter(({ text }) => text !== '');
  return [...ofPanels, ...ofMarks];
}

/** Whether an element of a board is the head of a section. */
function isRow(panel: Panel | Row): panel is Row {
  return panel.type === 'row';
}

function textOf(target: Readonly<Record<string, unknown>>): string {
  for (const key of ['expr', 'query']) if (typeof target[key] === 'string') return target[key];
  return '';
}

/** PromQL with numbers and names where Grafana puts them. */
function asPlainPromql(text: string): string {
  return text
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$\{?\w+(?::\w+)?\}?/g, 'x');
}

export const CHECKS = {
  'has an address of its own and no number of one installation': (board) =>
    board.id === null && /^rollcall-[a-z-]+$/.test(board.uid) && (board.schemaVersion ?? 0) >= 39
      ? []
      : [`${board.uid}: id ${String(board.id)}, schema ${board.schemaVersion}`],

  'numbers every panel differently': (board) => {
    const ids = board.panels.flatMap((panel) => [
      panel.id,
      ...(isRow(panel) ? panel.panels : []).map(({ id }) => id),
    ]);
    return duplicates(ids.map(String));
  },

  'names every panel of a section differently': (board) => {
    let section = '';
    const paths = board.panels.flatMap((panel) => {
      if (!isRow(panel)) return [`${section} / ${panel.title}`];
      section = panel.title;
      return panel.panels.map(({ title }) => `${section} / ${title}`);
    });
    return duplicates(paths);
  },

  'lays no panel over another': (board) => {
    const sets = [board.panels, ...board.panels.filter(isRow).map(({ panels }) => panels)];
    return sets.flatMap((panels) => panels.flatMap((one, index) => overlaps(one, panels.slice(index + 1))));
  },

  'says on every panel what to do': (board) =>
    panelsOf(board)
      .filter(({ description }) => description.length < 20)
      .map(({ title }) => title),

  'has units that Grafana knows': (board) =>
    unitsOf(board).filter((unit) => !UNITS.some((known) => known === unit)),

  'takes its data source from the variable, everywhere': (board) => {
    const refs = [
      ...panelsOf(board).flatMap(({ title, type, datasource, targets = [] }) =>
        type === 'text'
          ? []
          : [datasource, ...targets.map((one) => one.datasource)].map((ref) => [title, ref] as const),
      ),
      ...board.annotations.list
        .filter(({ builtIn }) => builtIn === undefined)
        .map(({ name, datasource }) => [name, datasource] as const),
      ...board.templating.list
        .filter(({ type }) => type === 'query')
        .map(({ name, datasource }) => [name, datasource] as const),
    ];
    return refs.filter(([, ref]) => ref?.uid !== '${datasource}').map(([title]) => title);
  },

  'defines every variable that it uses, and uses every one': (board) => {
    const text = JSON.stringify({ ...board, templating: board.templating.list.map(({ query }) => query) });
    const used = new Set(
      [...text.matchAll(/\$\{?(\w+)(?:[:.][\w.]+)?\}?/g)]
        .map(([, name = '']) => name)
        .filter((name) => !BUILT_IN.test(name)),
    );
    const defined = new Set(board.templating.list.map(({ name }) => name));
    return [
      ...[...used].filter((name) => !defined.has(name)).map((name) => `$${name} is not defined`),
      ...[...defined].filter((name) => !used.has(name)).map((name) => `$${name} is not used`),
    ];
  },

  'looks up the values of variables again when the time changes': (board) =>
    board.templating.list
      .filter(({ type, refresh }) => type === 'query' && refresh !== 2)
      .map(({ name }) => name),

  'takes rates over the interval that fits the source': (board, flavour) =>
    flavour === 'influxql'
      ? []
      : queriesOf(board)
          .filter(({ text }) => /\b(?:rate|irate|increase)\((?!.*\[\$__rate_interval\])/.test(text))
          .map(({ at }) => at),

  'names no job and no host': (board) =>
    queriesOf(board)
      .filter(({ text }) => /\b(?:job|instance)"?\s*(?:=~?|!~|!=)\s*["'/](?!\$|\^\(\?:\$)/.test(text))
      .map(({ at, text }) => `${at}: ${text}`),

  'asks for one job or host wherever it asks for hosts': (board, flavour) =>
    flavour === 'influxql'
      ? []
      : queriesOf(board)
          .flatMap(({ at, text }) =>
            selectorsOf(parseQuery(asPlainPromql(text))).map((one) => ({ at, ...one })),
          )
          .filter(({ name, labels }) => name.startsWith('node_') && !labels.includes('job'))
          .map(({ at, name }) => `${at}: ${name}`),

  'is PromQL': (board, flavour) =>
    flavour === 'influxql' ? [] : queriesOf(board).flatMap(({ at, text }) => failure(at, text)),

  'asks for metrics that somebody makes': (board, flavour, metrics) =>
    flavour === 'influxql'
      ? []
      : queriesOf(board)
          .flatMap(({ at, text }) =>
            selectorsOf(parseQuery(asPlainPromql(text))).map(({ name }) => ({ at, name })),
          )
          .filter(({ name }) => !isMetricName(name) && !metrics.has(name))
          .map(({ at, name }) => `${at}: ${name}`),

  'shows labels in legends that the result has': (board, flavour) =>
    flavour === 'influxql'
      ? panelsOf(board).flatMap(({ title, targets = [] }) =>
          targets.flatMap((target) => missingTags(title, target)),
        )
      : panelsOf(board).flatMap(({ title, targets = [] }) =>
          targets.flatMap((target) => missingLabels(title, target)),
        ),
} as const satisfies Readonly<Record<string, Check>>;

function duplicates(list: readonly string[]): readonly string[] {
  return list.filter((one, index) => list.indexOf(one) !== index);
}

function overlaps(one: Panel | Row, others: readonly (Panel | Row)[]): readonly string[] {
  const { x, y, w, h } = one.gridPos;
  return [
    ...(x + w > 24 ? [`${one.title} is wider than the page`] : []),
    ...others
      .filter(({ gridPos: at }) => x < at.x + at.w && at.x < x + w && y < at.y + at.h && at.y < y + h)
      .map(({ title }) => `${one.title} and ${title}`),
  ];
}

function unitsOf(board: Dashboard): readonly string[] {
  return panelsOf(board).flatMap(({ fieldConfig }) => {
    if (fieldConfig === undefined) return [];
    const ofColumns = fieldConfig.overrides.flatMap(({ properties }) =>
      properties.filter(({ id }) => id === 'unit').map(({ value }) => String(value)),
    );
    return [...(fieldConfig.defaults.unit === undefined ? [] : [fieldConfig.defaults.unit]), ...ofColumns];
  });
}

function failure(at: string, text: string): readonly string[] {
  try {
    parseQuery(asPlainPromql(text));
    return [];
  } catch (error) {
    return [`${at}: ${String(error)}`];
  }
}

interface FoundSelector {
  readonly name: string;
  readonly labels: readonly string[];
}

function selectorsOf(expr: Expr): readonly FoundSelector[] {
  if (expr.kind === 'selector') return [{ name: expr.name, labels: expr.matchers.map(({ name }) => name) }];
  return childrenOf(expr).flatMap(selectorsOf);
}

function legendOf(target: Readonly<Record<string, unknown>>, key: 'legendFormat' | 'alias'): string {
  const text = target[key];
  return typeof text === 'string' ? text : '';
}

/** Labels of the legend that an outer aggregation takes away. */
function missingLabels(title: string, target: Readonly<Record<string, unknown>>): readonly string[] {
  const wanted = [...legendOf(target, 'legendFormat').matchAll(/\{\{(\w+)\}\}/g)].map(
    ([, label = '']) => label,
  );
  const kept = keptBy(parseQuery(asPlainPromql(textOf(target))));
  return wanted
    .filter((label) => kept !== undefined && !kept.includes(label))
    .map((label) => `${title}: ${label}`);
}

/** The labels that a result has at most; undefined for all that its series have. */
function keptBy(expr: Expr): readonly string[] | undefined {
  if (expr.kind === 'aggregate' && !/^(?:top|bottom)k$/.test(expr.operator) && !expr.isWithout) {
    return expr.grouping;
  }
  const lists = childrenOf(expr)
    .map(keptBy)
    .filter((list) => list !== undefined);
  return lists[0];
}

function missingTags(title: string, target: Readonly<Record<string, unknown>>): readonly string[] {
  const wanted = [...legendOf(target, 'alias').matchAll(/\$tag_(\w+)/g)].map(([, tag = '']) => tag);
  const groups = textOf(target).split('GROUP BY').at(-1) ?? '';
  return wanted.filter((tag) => !groups.includes(`"${tag}"`)).map((tag) => `${title}: ${tag}`);
}
