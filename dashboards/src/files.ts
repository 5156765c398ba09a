/** The files that follow from the boards. */
import { boardJson } from './board.ts';
import { BOARDS } from './list.ts';

/** One file to import into Grafana. */
export interface BoardFile {
  /** Below dashboards/, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Both files of every board; the same at every call. */
export function boardFiles(): readonly BoardFile[] {
  return BOARDS.flatMap((board) =>
    (['prometheus', 'influxql'] as const).map((flavour) => ({
      path: `${flavour}/${board.slug}.json`,
      text: `${JSON.stringify(boardJson(board, flavour), null, 2)}\n`,
    })),
  );
}
