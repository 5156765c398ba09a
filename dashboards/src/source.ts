/** How boards name their data source and each other. */
import type { DataSourceRef } from './grafana.ts';
import type { Flavour } from './query.ts';

/** The variable that chooses the data source; no board knows one by its name. */
export function sourceRef(flavour: Flavour): DataSourceRef {
  return { type: flavour === 'prometheus' ? 'prometheus' : 'influxdb', uid: '${datasource}' };
}

/** Uid of a board, by which others link to it. */
export function boardUid(slug: string, flavour: Flavour): string {
  return flavour === 'prometheus' ? `rollcall-${slug}` : `rollcall-${slug}-influxql`;
}
