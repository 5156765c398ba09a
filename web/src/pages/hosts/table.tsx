import { useLayoutEffect, useRef } from 'preact/hooks';
import type { HostSummary } from '../../../../collector/src/api/types.ts';
import { COLUMNS } from './columns.tsx';
import type { Column } from './columns.tsx';
import type { Order, SortKey } from './order.ts';
import { useWindow } from './use-window.ts';
import { slotsOf } from './window.ts';

export interface HostTableProps {
  readonly hosts: readonly HostSummary[];
  readonly order: Order;
  readonly onSort: (key: SortKey) => void;
}

/**
 * The hosts as a table, as cards where the screen is narrow. Of a long list only the rows around the visible ones are
 * in the document; roles and row numbers tell assistive programs the whole. The roles are written out because a table
 * laid out as cards would lose them.
 */
export function HostTable({ hosts, order, onSort }: HostTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, end, rowHeightPx } = useWindow(body, hosts.length);
  const focusedId = useKeptFocus(body);
  const focusedIndex = focusedId === null ? -1 : hosts.findIndex((host) => host.id === focusedId);
  return (
    <table class="hosts" role="table" aria-label="Hosts" aria-rowcount={hosts.length + 1}>
      <colgroup>
        {COLUMNS.map((column) => (
          <col key={column.key} class={`col-${column.key}`} />
        ))}
      </colgroup>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <HeadCell key={column.key} column={column} order={order} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body}>
        {slotsOf(hosts.length, { first, end: Math.min(end, hosts.length) }, focusedIndex).map(
          (slot, position) => {
            if (slot.kind === 'gap')
              return <Gap key={`gap ${position}`} heightPx={slot.rowCount * rowHeightPx} />;
            const host = hosts[slot.index];
            return host === undefined ? null : <Row key={host.id} host={host} index={slot.index} />;
          },
        )}
      </tbody>
    </table>
  );
}

interface HeadCellProps extends Omit<HostTableProps, 'hosts'> {
  readonly column: Column;
}

function HeadCell({ column, order, onSort }: HeadCellProps) {
  const isSorted = order.key === column.key;
  const direction = order.isDescending ? 'descending' : 'ascending';
  return (
    <th
      role="columnheader"
      scope="col"
      class={column.isFigure ? 'is-figure' : undefined}
      aria-sort={isSorted ? direction : undefined}
    >
      <button type="button" class="sort" onClick={() => onSort(column.key)}>
        {column.label}
        <span class="sort-mark" aria-hidden="true">
          {isSorted ? (order.isDescending ? '▾' : '▴') : ''}
        </span>
      </button>
    </th>
  );
}

function Row({ host, index }: { readonly host: HostSummary; readonly index: number }) {
  // Figures of a host that does not report are its last ones, and shown as such.
  const isStale = host.state === 'down' || host.state === 'unknown';
  return (
    <tr role="row" aria-rowindex={index + 2} data-host={host.id} class={isStale ? 'is-stale' : undefined}>
      {COLUMNS.map((column) => (
        <td
          key={column.key}
          role="cell"
          class={column.isFigure ? `cell-${column.key} is-figure` : `cell-${column.key}`}
          data-label={column.label}
        >
          {column.cell(host)}
        </td>
      ))}
    </tr>
  );
}

function Gap({ heightPx }: { readonly heightPx: number }) {
  return (
    <tr class="gap" role="presentation" aria-hidden="true">
      <td style={{ height: `${heightPx}px` }} />
    </tr>
  );
}

/**
 * The id of the host whose row has the focus, `null` for none. A refresh may move that row to another place, which
 * takes the focus from it in some browsers and makes others scroll to it: both are undone before anything is painted.
 */
function useKeptFocus(body: { readonly current: HTMLElement | null }): string | null {
  const row = document.activeElement?.closest<HTMLElement>('[data-host]') ?? null;
  const focusedId = row !== null && body.current?.contains(row) ? (row.dataset['host'] ?? null) : null;
  const scrolledPx = scrollY;
  useLayoutEffect(() => {
    if (focusedId === null) return;
    if (!document.activeElement?.closest('[data-host]')) {
      const kept = body.current?.querySelector<HTMLElement>(`[data-host="${CSS.escape(focusedId)}"] a`);
      kept?.focus({ preventScroll: true });
    }
    if (scrollY !== scrolledPx) scrollTo(scrollX, scrolledPx);
  });
  return focusedId;
}
