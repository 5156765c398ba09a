/** A board as we describe it, and its JSON for one kind of data source. */
import type { Annotation, Dashboard, Panel as PanelJson, Row, Variable } from './grafana.ts';
import { influxName } from './influx-name.ts';
import { panelId } from './panel-id.ts';
import { panelJson } from './panel-json.ts';
import type { Panel } from './panel.ts';
import { influxConditions, type Flavour } from './query.ts';
import { boardUid, sourceRef } from './source.ts';

/** A list to choose from, filled with the values of a label. */
export interface Choice {
  readonly name: string;
  readonly title: string;
  readonly help: string;
  readonly label: string;
  /** The metric whose series have the label. */
  readonly metric: string;
  /** Matchers as in PromQL, which may use the choices before. */
  readonly where: string;
  /** Several, or all; otherwise exactly one. */
  readonly isMultiple: boolean;
}

/** Marks on every chart. */
export interface Mark {
  readonly name: string;
  readonly colour: string;
  readonly promql: string;
  /** Text of a mark, with labels as `{{alertname}}`. */
  readonly title: string;
  /** Labels shown as tags. */
  readonly labels: readonly string[];
  /** Returns a column `text`; null where InfluxQL cannot say it. */
  readonly influxql: string | null;
}

export interface Section {
  readonly title: string;
  readonly isOpen: boolean;
  readonly panels: readonly Panel[];
}

export interface Board {
  /** Part of its address and of its file's name. */
  readonly slug: string;
  readonly title: string;
  readonly help: string;
  /** How far back it looks: `now-1h`. */
  readonly from: string;
  readonly refresh: string;
  readonly choices: readonly Choice[];
  /** Has a field for the address of Rollcall, for links to its own page: `$rollcall`. */
  readonly asksForAddress?: boolean;
  readonly marks: readonly Mark[];
  readonly sections: readonly Section[];
}

/** Grafana 11 and later read it; dashboard 1860 is as old. */
const SCHEMA_VERSION = 41;
const COLUMNS = 24;

/** The JSON that Grafana imports. Panels that have no query in this language are left out, and sections without any. */
export function boardJson(board: Board, flavour: Flavour): Dashboard {
  const uid = boardUid(board.slug, flavour);
  const suffix = flavour === 'prometheus' ? '' : ' (InfluxQL)';
  return {
    id: null,
    uid,
    title: `Rollcall / ${board.title}${suffix}`,
    description: board.help,
    tags: ['rollcall', familyTag(flavour)],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    weekStart: '',
    fiscalYearStartMonth: 0,
    refresh: board.refresh,
    time: { from: board.from, to: 'now' },
    timepicker: {},
    links: [
      {
        type: 'dashboards',
        title: 'Rollcall',
        tooltip: 'The other boards, for the same time and choices',
        tags: [familyTag(flavour)],
        icon: 'external link',
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        url: '',
      },
    ],
    annotations: { list: [handWritten(), ...board.marks.flatMap((mark) => annotation(mark, flavour))] },
    templating: {
      list: [
        sourceVariable(flavour),
        ...board.choices.map((choice) => variable(choice, flavour)),
        ...(board.asksForAddress === true ? [ADDRESS] : []),
      ],
    },
    panels: panelsOf(board, flavour),
  };
}

/** Links between boards stay within one language. */
function familyTag(flavour: Flavour): string {
  return `rollcall-${flavour}`;
}

function sourceVariable(flavour: Flavour): Variable {
  return {
    type: 'datasource',
    name: 'datasource',
    label: 'Data source',
    query: sourceRef(flavour).type,
    current: { text: '', value: '' },
    options: [],
    includeAll: false,
    multi: false,
    refresh: 1,
    regex: '',
    hide: 0,
  };
}

/** Only links use it, so a wrong address spoils no chart. */
const ADDRESS: Variable = {
  type: 'textbox',
  name: 'rollcall',
  label: 'Rollcall',
  description: 'Address of Rollcall as your browser reaches it, for links to its own page.',
  query: 'http://127.0.0.1:7655',
  current: { text: 'http://127.0.0.1:7655', value: 'http://127.0.0.1:7655' },
  options: [],
  hide: 0,
};

function variable(choice: Choice, flavour: Flavour): Variable {
  const { name, title, help, isMultiple } = choice;
  const text = flavour === 'prometheus' ? labelValues(choice) : tagValues(choice);
  return {
    type: 'query',
    name,
    label: title,
    description: help,
    datasource: sourceRef(flavour),
    query: flavour === 'prometheus' ? { query: text, refId: `variable-${name}`, qryType: 1 } : text,
    // The names of hosts come and go with the time that one looks at.
    refresh: 2,
    regex: '',
    sort: 7,
    hide: 0,
    multi: isMultiple,
    includeAll: isMultiple,
    ...(isMultiple
      ? { allValue: '.+', current: { text: ['All'], value: ['$__all'] } }
      : { current: { text: '', value: '' } }),
    options: [],
  };
}

function labelValues({ metric, where, label }: Choice): string {
  return `label_values(${metric}${where === '' ? '' : `{${where}}`}, ${label})`;
}

function tagValues({ metric, where, label }: Choice): string {
  const { measurement } = influxName(metric);
  const condition = where === '' ? '' : ` WHERE ${influxConditions(where)}`;
  return `SHOW TAG VALUES FROM "${measurement}" WITH KEY = "${label}"${condition}`;
}

/** What people write on a chart by hand. */
function handWritten(): Annotation {
  return {
    name: 'Annotations & Alerts',
    builtIn: 1,
    type: 'dashboard',
    enable: true,
    hide: true,
    iconColor: 'rgba(0, 211, 255, 1)',
    datasource: { type: 'grafana', uid: '-- Grafana --' },
  };
}

function annotation(mark: Mark, flavour: Flavour): readonly Annotation[] {
  const common = {
    name: mark.name,
    enable: true,
    hide: false,
    iconColor: mark.colour,
    datasource: sourceRef(flavour),
  };
  if (flavour === 'influxql') {
    if (mark.influxql === null) return [];
    return [
      {
        ...common,
        query: mark.influxql,
        textColumn: 'text',
        tagsColumn: mark.labels.join(','),
        target: {
          refId: 'Anno',
          query: mark.influxql,
          rawQuery: true,
          textColumn: 'text',
          fromAnnotations: true,
        },
      },
    ];
  }
  return [
    {
      ...common,
      expr: mark.promql,
      step: '60s',
      titleFormat: mark.title,
      textFormat: '',
      tagKeys: mark.labels.join(','),
      useValueForTime: false,
      target: { refId: 'Anno', expr: mark.promql, interval: '60s', instant: false, range: true },
    },
  ];
}

function panelsOf(board: Board, flavour: Flavour): readonly (PanelJson | Row)[] {
  const result: (PanelJson | Row)[] = [];
  let y = 0;
  for (const section of board.sections) {
    const given = section.panels.filter((panel) => isSayable(panel, flavour));
    if (given.length === 0) continue;
    const title = section.title;
    const id = panelId(board.slug, title);
    const placed = placeAll(given, y + 1);
    const panels = placed.map(({ panel, position }) =>
      panelJson(panel, { board: board.slug, section: title, flavour, position }),
    );
    const row = { type: 'row', id, title, gridPos: { x: 0, y, w: COLUMNS, h: 1 } } as const;
    // The panels of a closed section lie inside it, those of an open one behind it.
    result.push({ ...row, collapsed: !section.isOpen, panels: section.isOpen ? [] : panels });
    if (section.isOpen) result.push(...panels);
    y = section.isOpen ? Math.max(...placed.map(({ position }) => position.y + position.h)) : y + 1;
  }
  return result;
}

/** Whether at least one of the panel's queries exists in the language. */
function isSayable(panel: Panel, flavour: Flavour): boolean {
  if (flavour === 'prometheus' || panel.kind === 'note') return true;
  const queries = panel.kind === 'table' ? panel.columns.map(({ query }) => query) : panel.queries;
  return queries.some(({ influxql }) => influxql !== null);
}

interface Placed {
  readonly panel: Panel;
  readonly position: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

/** From left to right, in lines as high as their highest panel. */
function placeAll(panels: readonly Panel[], top: number): readonly Placed[] {
  let [x, y, height] = [0, top, 0];
  return panels.map((panel) => {
    if (x + panel.width > COLUMNS) [x, y, height] = [0, y + height, 0];
    const position = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    height = Math.max(height, panel.height);
    return { panel, position };
  });
}
