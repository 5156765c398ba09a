import type { Incident, Severity } from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { formatCount, formatSpan } from '../../format.ts';
import { REFRESH_MS, usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { Foreign } from '../../ui/text.tsx';
import { At } from '../../ui/time.tsx';
import { useTitle } from '../../ui/title.ts';
import { HostOf, IncidentList, SeverityBadge } from './incident.tsx';

/** The newest resolved incidents that are listed. */
const RESOLVED_MAX = 100;

/** All open incidents, and below them the latest that were resolved. */
export function IncidentsPage() {
  const { openIncidents } = usePage();
  const open = openIncidents.value.value?.incidents ?? null;
  useTitle(open === null || open.length === 0 ? 'Incidents' : `(${open.length} open) Incidents`);
  return (
    <>
      <h1 class="sr-only">Incidents</h1>
      <section aria-labelledby="open">
        <h2 id="open">
          Open {open === null ? null : <span class="heading-count">{formatCount(open.length)}</span>}
        </h2>
        <PollFailure poll={openIncidents} what="the open incidents" />
        {open === null ? null : open.length === 0 ? (
          <p class="all-well">Nothing is open.</p>
        ) : (
          <IncidentList incidents={mostUrgentFirst(open)} />
        )}
      </section>
      <Resolved />
    </>
  );
}

function Resolved() {
  const { api } = usePage();
  const poll = usePoll(
    (abort) => api.incidents({ status: 'resolved', limit: RESOLVED_MAX }, abort),
    REFRESH_MS,
    [],
  );
  const resolved = poll.value.value?.incidents ?? null;
  return (
    <section aria-labelledby="resolved">
      <h2 id="resolved">Resolved</h2>
      <PollFailure poll={poll} what="the resolved incidents" />
      {resolved === null ? null : resolved.length === 0 ? (
        <p class="muted">No incident has been resolved yet.</p>
      ) : (
        <ResolvedTable incidents={resolved} />
      )}
    </section>
  );
}

function ResolvedTable({ incidents }: { readonly incidents: readonly Incident[] }) {
  return (
    <div class="table-scroll" role="region" aria-label="Resolved incidents" tabIndex={0}>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Resolved</th>
            <th scope="col">Lasted</th>
            <th scope="col">Severity</th>
            <th scope="col">Host</th>
            <th scope="col">Incident</th>
            <th scope="col">Rule</th>
          </tr>
        </thead>
        <tbody>
          {incidents.map((incident) => (
            <tr key={incident.id}>
              <td>{incident.resolvedMs === null ? '–' : <At timeMs={incident.resolvedMs} />}</td>
              <td>
                {incident.resolvedMs === null ? '–' : formatSpan(incident.resolvedMs - incident.openedMs)}
              </td>
              <td>
                <SeverityBadge severity={incident.severity} />
              </td>
              <td class="is-name">
                <HostOf incident={incident} />
              </td>
              <td class="is-text">
                <a href={`/incidents/${encodeURIComponent(incident.id)}`}>
                  <Foreign text={incident.title} maxLength={300} />
                </a>
              </td>
              <td>
                <Foreign text={incident.rule} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const URGENCY = ['page', 'ticket', 'capacity', 'info'] as const satisfies readonly Severity[];

/** By severity, and among equals the newest first. */
function mostUrgentFirst(incidents: readonly Incident[]): readonly Incident[] {
  return [...incidents].sort(
    (a, b) => URGENCY.indexOf(a.severity) - URGENCY.indexOf(b.severity) || b.openedMs - a.openedMs,
  );
}
