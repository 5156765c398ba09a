/** The JSON of Grafana's classic dashboards, as types. */
import type {
  Dashboard as GrafanaDashboard,
  Panel as GrafanaPanel,
  RowPanel as GrafanaRow,
  VariableModel,
} from '@grafana/schema';

/**
 * A type of Grafana as it stands in a file: what the program calls by the name of an enumeration, JSON calls by its
 * value.
 */
type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer Value extends number}`
      ? Value
      : T
    : T extends boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Json<Item>[]
        : unknown extends T
          ? T
          : { readonly [Key in keyof T]: Json<T[Key]> };

export type DataSourceRef = Readonly<{ type: string; uid: string }>;

/** A query of a panel; which keys it has besides depends on the data source. */
export type Target = Readonly<Record<string, unknown>> & {
  readonly refId: string;
  readonly datasource: DataSourceRef;
};

export type Panel = Omit<Json<GrafanaPanel>, 'id' | 'title' | 'gridPos' | 'targets' | 'type'> & {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: GridPosition;
  readonly datasource?: DataSourceRef;
  readonly targets?: readonly Target[];
};

/** Columns (of 24) and lines from the top left. */
export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export type Row = Omit<Json<GrafanaRow>, 'panels' | 'gridPos' | 'title'> & {
  readonly title: string;
  readonly gridPos: GridPosition;
  readonly panels: readonly Panel[];
};

export type Variable = Json<VariableModel>;

/** What marks times on every chart of a board. */
export interface Annotation {
  readonly name: string;
  readonly enable: boolean;
  readonly hide: boolean;
  readonly iconColor: string;
  readonly datasource: DataSourceRef;
  /** Only on the one that every board has, for notes that people add by hand. */
  readonly builtIn?: 1;
  readonly type?: 'dashboard';
  readonly [key: string]: unknown;
}

export type Dashboard = Omit<Json<GrafanaDashboard>, 'panels' | 'templating' | 'annotations'> & {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly panels: readonly (Panel | Row)[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
};

export type FieldConfig = NonNullable<Panel['fieldConfig']>;
export type FieldDefaults = FieldConfig['defaults'];
export type ValueMapping = NonNullable<FieldDefaults['mappings']>[number];
export type Thresholds = NonNullable<FieldDefaults['thresholds']>;
export type Transformation = NonNullable<Panel['transformations']>[number];
