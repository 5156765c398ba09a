import type { HostState } from '../../../../collector/src/api/types.ts';
import { HOST_STATES } from '../../api/answers.ts';
import { formatCount } from '../../format.ts';
import { SearchBox } from '../../ui/search-box.tsx';
import { STATE_WORDS, StateIcon } from '../../ui/state.tsx';
import { COLUMNS } from './columns.tsx';
import { SORT_KEYS, orderAfterClick } from './order.ts';
import type { Filter, Order } from './order.ts';

export interface ToolbarProps {
  readonly counts: Readonly<Record<HostState, number>>;
  readonly filter: Filter;
  readonly order: Order;
  readonly onFilter: (filter: Filter) => void;
  readonly onOrder: (order: Order) => void;
}

/** Counts per state as filters, the search box, and on narrow screens the choice of order. */
export function Toolbar({ counts, filter, order, onFilter, onOrder }: ToolbarProps) {
  const total = HOST_STATES.reduce((sum, state) => sum + counts[state], 0);
  return (
    <div class="toolbar">
      <div class="filters" role="group" aria-label="Filter by state">
        <FilterButton
          label="All"
          count={total}
          isOn={filter.state === null}
          onClick={() => onFilter({ ...filter, state: null })}
        />
        {HOST_STATES.map((state) => (
          <FilterButton
            key={state}
            label={STATE_WORDS[state]}
            state={state}
            count={counts[state]}
            isOn={filter.state === state}
            onClick={() => onFilter({ ...filter, state: filter.state === state ? null : state })}
          />
        ))}
      </div>
      <SearchBox
        label="Search hosts by name, system or id"
        text={filter.text}
        onText={(text) => onFilter({ ...filter, text })}
      />
      <OrderChoice order={order} onOrder={onOrder} />
    </div>
  );
}

interface FilterButtonProps {
  readonly label: string;
  readonly state?: HostState;
  readonly count: number;
  readonly isOn: boolean;
  readonly onClick: () => void;
}

function FilterButton({ label, state, count, isOn, onClick }: FilterButtonProps) {
  return (
    <button
      type="button"
      class={count === 0 ? 'filter is-empty' : 'filter'}
      aria-pressed={isOn}
      onClick={onClick}
    >
      {state === undefined ? null : <StateIcon state={state} />}
      <span>{label}</span> <span class="filter-count">{formatCount(count)}</span>
    </button>
  );
}

function OrderChoice({ order, onOrder }: Pick<ToolbarProps, 'order' | 'onOrder'>) {
  return (
    <label class="order-choice">
      <span>Order by</span>
      <select
        value={order.key}
        onChange={(event) => {
          const key = SORT_KEYS.find((known) => known === event.currentTarget.value);
          if (key !== undefined && key !== order.key) onOrder(orderAfterClick(order, key));
        }}
      >
        {COLUMNS.map((column) => (
          <option key={column.key} value={column.key}>
            {column.label}
          </option>
        ))}
      </select>
    </label>
  );
}
