/** The JSON of a panel. */
import type {
  DataSourceRef,
  FieldConfig,
  FieldDefaults,
  GridPosition,
  Panel as PanelJson,
  Target,
  Thresholds,
  Transformation,
  ValueMapping,
} from './grafana.ts';
import { panelId } from './panel-id.ts';
import type { Chart, Figure, Panel, Scale, Table, Texts, Timeline } from './panel.ts';
import { influxTable, type Flavour, type Query } from './query.ts';
import { boardUid, sourceRef } from './source.ts';

/** Where a panel stands. */
export interface Place {
  readonly board: string;
  readonly section: string;
  readonly flavour: Flavour;
  readonly position: GridPosition;
}

/** The JSON of a panel at its place. Queries that the language does not have are left out. */
export function panelJson(panel: Panel, place: Place): PanelJson {
  const common = {
    id: panelId(place.board, place.section, panel.title),
    title: panel.title,
    description: panel.help,
    gridPos: place.position,
  };
  switch (panel.kind) {
    case 'note':
      return {
        ...common,
        type: 'text',
        transparent: true,
        options: {
          mode: 'markdown',
          content: panel.text,
          code: { language: 'plaintext', showLineNumbers: false },
        },
      };
    case 'table':
      return { ...common, ...tableParts(panel, place.flavour) };
    case 'chart':
    case 'timeline':
    case 'number':
    case 'dial':
    case 'bars':
      return {
        ...common,
        type: TYPES[panel.kind],
        datasource: sourceRef(place.flavour),
        targets: targets(panel, place.flavour),
        fieldConfig: fieldConfig(panel, place.flavour),
        options: options(panel),
      };
  }
}

const TYPES = {
  chart: 'timeseries',
  timeline: 'state-timeline',
  number: 'stat',
  dial: 'gauge',
  bars: 'bargauge',
} as const;

/** A, B, C …; a panel has fewer than 26. */
function refId(index: number): string {
  return String.fromCodePoint(65 + index);
}

function targets(panel: Chart | Figure | Timeline, flavour: Flavour): readonly Target[] {
  const isInstant = panel.kind === 'number' || panel.kind === 'dial' || panel.kind === 'bars';
  return panel.queries.flatMap((query, index) => target(query, { flavour, index, isInstant }));
}

interface TargetPlace {
  readonly flavour: Flavour;
  readonly index: number;
  readonly isInstant: boolean;
}

function target(query: Query, { flavour, index, isInstant }: TargetPlace): readonly Target[] {
  const common = { refId: refId(index), datasource: sourceRef(flavour) };
  if (flavour === 'prometheus') {
    return [
      {
        ...common,
        expr: query.promql,
        legendFormat: query.legend,
        editorMode: 'code',
        format: 'time_series',
        exemplar: false,
        instant: isInstant,
        range: !isInstant,
      },
    ];
  }
  if (query.influxql === null) return [];
  return [
    {
      ...common,
      query: query.influxql.text,
      rawQuery: true,
      resultFormat: 'time_series',
      alias: query.legend.replaceAll(/\{\{(\w+)\}\}/g, '$tag_$1'),
    },
  ];
}

/** Colours, limits, unit. */
function fieldConfig(panel: Chart | Figure | Timeline, flavour: Flavour): FieldConfig {
  const { unit, min, max, decimals, scale, texts } = panel;
  const defaults: FieldDefaults = {
    unit,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(decimals === undefined ? {} : { decimals }),
    color: { mode: panel.kind === 'chart' ? 'palette-classic' : 'thresholds' },
    thresholds: thresholds(scale),
    mappings: mappings(texts),
    ...(panel.kind === 'chart' ? { custom: lines(panel), links: hostLinks(panel, flavour) } : {}),
    ...(panel.kind === 'timeline' ? { custom: { lineWidth: 0, fillOpacity: 80 } } : {}),
  };
  return { defaults, overrides: panel.kind === 'chart' ? below(panel) : [] };
}

function lines({ isStacked = false, scale }: Chart): Readonly<Record<string, unknown>> {
  return {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: isStacked ? 40 : 10,
    gradientMode: 'none',
    showPoints: 'never',
    // A gap is shown as a gap.
    spanNulls: false,
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
    axisCenteredZero: false,
    thresholdsStyle: { mode: scale === undefined || scale.steps.length === 0 ? 'off' : 'dashed' },
  };
}

/** What leaves is drawn below what comes. */
function below({ below: pattern }: Chart): FieldConfig['overrides'] {
  if (pattern === undefined) return [];
  return [
    {
      matcher: { id: 'byRegexp', options: `/${pattern}/` },
      properties: [{ id: 'custom.transform', value: 'negative-Y' }],
    },
  ];
}

function hostLinks({ linksToHost = false }: Chart, flavour: Flavour): readonly unknown[] {
  return linksToHost ? [hostLink(flavour, '${__field.labels.instance}')] : [];
}

/** From a name of a host to its board. */
function hostLink(flavour: Flavour, host: string): unknown {
  return {
    title: 'Open this host',
    url: `/d/${boardUid('host', flavour)}?var-host=${host}&\${datasource:queryparam}&\${job:queryparam}&\${__url_time_range}`,
  };
}

function thresholds(scale: Scale | undefined): Thresholds {
  const { base, steps } = scale ?? { base: 'green', steps: [] };
  return {
    mode: 'absolute',
    steps: [{ color: base, value: null }, ...steps.map(([value, color]) => ({ color, value }))],
  };
}

function mappings(texts: Texts | undefined): readonly ValueMapping[] {
  if (texts === undefined) return [];
  const entries = Object.entries(texts).map(
    ([value, [text, color]], index) => [value, { text, color, index }] as const,
  );
  return [{ type: 'value', options: Object.fromEntries(entries) }];
}

const REDUCED = { calcs: ['lastNotNull'], fields: '', values: false } as const;

function options(panel: Chart | Figure | Timeline): Readonly<Record<string, unknown>> {
  switch (panel.kind) {
    case 'chart':
      return {
        legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc', hideZeros: false },
      };
    case 'timeline':
      return {
        mergeValues: true,
        showValue: 'never',
        alignValue: 'left',
        rowHeight: 0.9,
        legend: { showLegend: true, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      };
    case 'number':
      return {
        reduceOptions: REDUCED,
        colorMode: panel.scale === undefined || panel.scale.steps.length === 0 ? 'none' : 'background',
        graphMode: 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        textMode: panel.queries.length > 1 ? 'value_and_name' : 'auto',
        wideLayout: true,
      };
    case 'dial':
      return {
        reduceOptions: REDUCED,
        orientation: 'auto',
        showThresholdLabels: false,
        showThresholdMarkers: true,
        sizing: 'auto',
      };
    case 'bars':
      return {
        reduceOptions: REDUCED,
        displayMode: 'basic',
        orientation: 'horizontal',
        showUnfilled: true,
        valueMode: 'color',
        namePlacement: 'auto',
        sizing: 'auto',
        minVizHeight: 16,
        minVizWidth: 8,
        maxVizHeight: 300,
      };
  }
}

type TableParts = Pick<
  PanelJson,
  'type' | 'datasource' | 'targets' | 'fieldConfig' | 'options' | 'transformations'
>;

function tableParts(panel: Table, flavour: Flavour): TableParts {
  const columns = panel.columns
    .map((column, index) => ({ ...column, refId: refId(index) }))
    .filter(({ query }) => flavour === 'prometheus' || query.influxql !== null);
  return {
    type: 'table',
    datasource: sourceRef(flavour),
    targets: columns.map((column) => tableTarget(column, flavour)),
    transformations: joined(panel, columns, flavour),
    fieldConfig: {
      defaults: {
        custom: { align: 'auto', filterable: true, cellOptions: { type: 'auto' } },
        thresholds: thresholds(undefined),
      },
      overrides: [
        ...columns
          .filter(({ isHidden }) => isHidden !== true)
          .map((column) => ({
            matcher: { id: 'byName', options: column.title },
            properties: cells(column),
          })),
        ...Object.entries(panel.labels).flatMap(([label, title]) =>
          linkedColumn(title, linkOf(panel, label, flavour)),
        ),
      ],
    },
    options: {
      showHeader: true,
      cellHeight: 'sm',
      sortBy: [{ displayName: panel.sortBy, desc: panel.isDescending ?? false }],
    },
  };
}

function linkOf(panel: Table, label: string, flavour: Flavour): unknown {
  return label === 'instance' ? hostLink(flavour, '${__value.raw}') : panel.links?.[label];
}

function linkedColumn(title: string, link: unknown): FieldConfig['overrides'] {
  if (link === undefined) return [];
  return [{ matcher: { id: 'byName', options: title }, properties: [{ id: 'links', value: [link] }] }];
}

type PlacedColumn = Table['columns'][number] & { readonly refId: string };

function tableTarget(column: PlacedColumn, flavour: Flavour): Target {
  const common: { refId: string; datasource: DataSourceRef } = {
    refId: column.refId,
    datasource: sourceRef(flavour),
  };
  if (flavour === 'prometheus') {
    return {
      ...common,
      expr: column.query.promql,
      legendFormat: '',
      editorMode: 'code',
      format: 'table',
      exemplar: false,
      instant: true,
      range: false,
    };
  }
  const text = column.query.influxql === null ? '' : influxTable(column.query.influxql, column.title);
  return { ...common, query: text, rawQuery: true, resultFormat: 'table', alias: '' };
}

/** One line per host (or whatever the labels name) out of one answer per column. */
function joined(panel: Table, columns: readonly PlacedColumn[], flavour: Flavour): readonly Transformation[] {
  const labels = Object.keys(panel.labels);
  const value = ({ refId: id, title }: PlacedColumn): string => {
    if (flavour === 'influxql') return title;
    // With one answer there is nothing to tell apart.
    return columns.length === 1 ? 'Value' : `Value #${id}`;
  };
  const order = [...labels, ...columns.map(value)];
  return [
    // Each answer has a time of its own, by which nothing may be joined.
    { id: 'filterFieldsByName', options: { exclude: { names: ['Time'] } } },
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(
          columns.filter(({ isHidden }) => isHidden === true).map((column) => [value(column), true]),
        ),
        indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
        renameByName: {
          ...panel.labels,
          ...Object.fromEntries(columns.map((column) => [value(column), column.title])),
        },
      },
    },
  ];
}

function cells({ unit, scale, barMax, texts }: PlacedColumn): readonly { id: string; value: unknown }[] {
  const isColoured = scale !== undefined || texts !== undefined;
  const cellOptions =
    barMax === undefined
      ? { type: isColoured ? 'color-text' : 'auto' }
      : { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' };
  return [
    { id: 'unit', value: unit },
    { id: 'custom.cellOptions', value: cellOptions },
    ...(barMax === undefined
      ? []
      : [
          { id: 'min', value: 0 },
          { id: 'max', value: barMax },
        ]),
    ...(isColoured ? [{ id: 'color', value: { mode: 'thresholds' } }] : []),
    ...(scale === undefined ? [] : [{ id: 'thresholds', value: thresholds(scale) }]),
    ...(texts === undefined ? [] : [{ id: 'mappings', value: mappings(texts) }]),
  ];
}
