import { useRoute } from 'preact-iso';
import { useEffect, useRef } from 'preact/hooks';
import type { HostDetail, HostState } from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { REFRESH_MS, usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { useTitle } from '../../ui/title.ts';
import { IncidentList } from '../incidents/incident.tsx';
import { HostAvailability } from './availability.tsx';
import { Charts } from './charts.tsx';
import { HostHead } from './head.tsx';
import { InventoryChanges } from './inventory-changes.tsx';
import { Inventory } from './inventory.tsx';

/** The most open incidents of one host that are shown. */
const INCIDENTS_MAX = 50;

/** One host: `/hosts/:id?range=<range>&span=<span>`. */
export function HostPage() {
  const id = useRoute().params['id'] ?? '';
  // The key makes another host another page, with nothing left of the one before.
  return <Host key={id} id={id} />;
}

function Host({ id }: { readonly id: string }) {
  const { api } = usePage();
  const poll = usePoll((abort) => api.host(id, abort), REFRESH_MS, [id]);
  const host = poll.value.value;
  useTitle(host?.name ?? 'Host');
  useSpokenState(host);
  const failure = poll.failure.value;
  if (host === null && failure?.kind === 'refused' && failure.status === 404) return <NoSuchHost />;
  return (
    <>
      {host === null ? <h1 class="sr-only">Host</h1> : <HostHead host={host} />}
      <PollFailure poll={poll} what="this host" />
      {host === null ? null : (
        <>
          <OpenIncidents hostId={id} />
          <Charts hostName={host.name} />
          <HostAvailability hostId={id} />
          <Inventory hostId={id} />
          <InventoryChanges hostId={id} />
        </>
      )}
    </>
  );
}

function OpenIncidents({ hostId }: { readonly hostId: string }) {
  const { api } = usePage();
  const poll = usePoll(
    (abort) => api.incidents({ status: 'open', hostId, limit: INCIDENTS_MAX }, abort),
    REFRESH_MS,
    [hostId],
  );
  const incidents = poll.value.value?.incidents ?? [];
  return (
    <>
      <PollFailure poll={poll} what="the incidents of this host" />
      {incidents.length === 0 ? null : (
        <section aria-labelledby="open-incidents">
          <h2 id="open-incidents">Open incidents</h2>
          <IncidentList incidents={incidents} isHostShown={false} />
        </section>
      )}
    </>
  );
}

function NoSuchHost() {
  useTitle('No such host');
  return (
    <div class="quiet">
      <h1>No such host</h1>
      <p>It may have been retired, or the address was mistyped.</p>
      <p>
        <a href="/">All hosts</a>
      </p>
    </div>
  );
}

function useSpokenState(host: HostDetail | null): void {
  const { announce } = usePage();
  const before = useRef<HostState | null>(null);
  useEffect(() => {
    if (host === null) return;
    if (before.current !== null && before.current !== host.state)
      announce(`The host is ${host.state}, was ${before.current}.`);
    before.current = host.state;
  }, [host]);
}
