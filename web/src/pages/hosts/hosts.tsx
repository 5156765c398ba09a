import { useLocation } from 'preact-iso';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { HostState } from '../../../../collector/src/api/types.ts';
import { HOST_STATES } from '../../api/answers.ts';
import type { Fleet } from '../../api/client.ts';
import { useRunning } from '../../api/use-poll.ts';
import { formatCount, plural } from '../../format.ts';
import { usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { useTitle } from '../../ui/title.ts';
import { describeChanges } from './changes.ts';
import { FirstHost } from './first-host.tsx';
import { filterHosts, orderAfterClick, orderFromWord, orderHosts, orderToWord } from './order.ts';
import type { Filter, Order } from './order.ts';
import { HostTable } from './table.tsx';
import { Toolbar } from './toolbar.tsx';

/** All hosts: `/?q=<words>&state=<state>&sort=<order>`. */
export function HostsPage() {
  const { fleet } = usePage();
  useRunning(fleet);
  const answer = fleet.value.value;
  useTitle(answer === null || answer.counts.down === 0 ? 'Hosts' : `(${answer.counts.down} down) Hosts`);
  useSpokenChanges(answer);
  return (
    <>
      <h1 class="sr-only">Hosts</h1>
      <PollFailure poll={fleet} what="the hosts" />
      {answer === null ? <Loading isFailed={fleet.failure.value !== null} /> : <HostList fleet={answer} />}
    </>
  );
}

function Loading({ isFailed }: { readonly isFailed: boolean }) {
  return isFailed ? null : <p class="loading">Loading hosts…</p>;
}

function HostList({ fleet }: { readonly fleet: Fleet }) {
  const [{ filter, order }, change] = useListAddress();
  const shown = useMemo(
    () => orderHosts(filterHosts(fleet.hosts, filter), order),
    [fleet, filter.text, filter.state, order.key, order.isDescending],
  );
  if (fleet.hosts.length === 0) return <FirstHost />;
  return (
    <>
      <Toolbar
        counts={fleet.counts}
        filter={filter}
        order={order}
        onFilter={(next) => change({ filter: next, order })}
        onOrder={(next) => change({ filter, order: next })}
      />
      {fleet.isTruncated ? (
        <p class="notice">
          Only the first {plural(fleet.hosts.length, 'host')} are listed; search covers these.
        </p>
      ) : null}
      {shown.length === 0 ? (
        <NoMatch onClear={() => change({ filter: { text: '', state: null }, order })} />
      ) : (
        <HostTable
          hosts={shown}
          order={order}
          onSort={(key) => change({ filter, order: orderAfterClick(order, key) })}
        />
      )}
      {shown.length === fleet.hosts.length ? null : (
        <p class="list-note">
          {formatCount(shown.length)} of {plural(fleet.hosts.length, 'host')}
        </p>
      )}
    </>
  );
}

function NoMatch({ onClear }: { readonly onClear: () => void }) {
  return (
    <div class="quiet">
      <p>No host matches.</p>
      <button type="button" class="button" onClick={onClear}>
        Show all hosts
      </button>
    </div>
  );
}

interface ListView {
  readonly filter: Filter;
  readonly order: Order;
}

/** The filter and the order live in the address, so that a view can be kept and shared. */
function useListAddress(): readonly [ListView, (view: ListView) => void] {
  const { query, route } = useLocation();
  const state = HOST_STATES.find((known) => known === query['state']) ?? null;
  const view = { filter: { text: query['q'] ?? '', state }, order: orderFromWord(query['sort']) };
  const change = ({ filter, order }: ListView): void => {
    const next = new URLSearchParams();
    if (filter.text !== '') next.set('q', filter.text);
    if (filter.state !== null) next.set('state', filter.state);
    const word = orderToWord(order);
    if (word !== null) next.set('sort', word);
    const words = next.toString();
    route(words === '' ? '/' : `/?${words}`, true);
  };
  return [view, change];
}

/** Tells changes of state to people who hear the page. */
function useSpokenChanges(fleet: Fleet | null): void {
  const { announce } = usePage();
  const before = useRef<ReadonlyMap<string, HostState>>(new Map());
  useEffect(() => {
    if (fleet === null) return;
    const words = describeChanges(before.current, fleet.hosts);
    before.current = new Map(fleet.hosts.map((host) => [host.id, host.state]));
    if (words !== null) announce(words);
  }, [fleet]);
}
