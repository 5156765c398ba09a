import { useRoute } from 'preact-iso';
import type {
  EvidenceChange,
  IncidentDetail,
  IncidentEvent,
  IncidentEvidence,
} from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { formatNumber, plural } from '../../format.ts';
import { REFRESH_MS, usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { Foreign } from '../../ui/text.tsx';
import { At, TimeAgo } from '../../ui/time.tsx';
import { useTitle } from '../../ui/title.ts';
import { Actions } from './actions.tsx';
import { CURVE_HEIGHT, CURVE_WIDTH, curveOf } from './curve.ts';
import { Acknowledged, DELIVERY_WORDS, HostOf, SeverityBadge, Value, When } from './incident.tsx';
import { Processes } from './processes.tsx';

const NOTE_LENGTH_MAX = 4_000;
const ERROR_LENGTH_MAX = 300;

/** One incident: `/incidents/:id`. */
export function IncidentPage() {
  const id = useRoute().params['id'] ?? '';
  // The key makes another incident another page, with nothing left of the one before.
  return <OneIncident key={id} id={id} />;
}

function OneIncident({ id }: { readonly id: string }) {
  const { api } = usePage();
  const poll = usePoll((abort) => api.incident(id, abort), REFRESH_MS, [id]);
  const incident = poll.value.value;
  useTitle(incident?.title ?? 'Incident');
  const failure = poll.failure.value;
  const isUnknown = failure?.kind === 'refused' && (failure.status === 404 || failure.status === 400);
  if (incident === null && isUnknown) return <NoSuchIncident />;
  return (
    <>
      {incident === null ? <h1 class="sr-only">Incident</h1> : <Head incident={incident} />}
      <PollFailure poll={poll} what="this incident" />
      {incident === null ? null : (
        <>
          <Actions incident={incident} onChanged={() => poll.refresh()} />
          <Evidence evidence={incident.evidence} threshold={incident.threshold} />
          <Timeline events={incident.timeline} />
        </>
      )}
    </>
  );
}

function Head({ incident }: { readonly incident: IncidentDetail }) {
  return (
    <article class="incident-page">
      <header>
        <SeverityBadge severity={incident.severity} />
        <h1>
          <Foreign text={incident.title} maxLength={300} />
        </h1>
        <Acknowledged incident={incident} />
      </header>
      <p class="incident-facts">
        <span>{stateOf(incident)}</span>
        <HostOf incident={incident} />
        <When incident={incident} />
        <span>
          <span class="muted">rule</span> <Foreign text={incident.rule} />
        </span>
        <Value incident={incident} />
        <Escalation incident={incident} />
        {incident.previous === null ? null : (
          <a href={`/incidents/${encodeURIComponent(incident.previous)}`}>the time before</a>
        )}
      </p>
      {incident.description === '' ? null : (
        <p class="incident-text">
          <Foreign text={incident.description} maxLength={NOTE_LENGTH_MAX} />
        </p>
      )}
    </article>
  );
}

function stateOf({ status, isHeld, endReason, acknowledgement }: IncidentDetail): string {
  if (status === 'resolved') return `over: ${endReason ?? 'no reason given'}`;
  if (isHeld) return 'open, held: no data';
  return acknowledgement === null ? 'open' : 'open, acknowledged';
}

function Escalation({ incident: { escalation, status } }: { readonly incident: IncidentDetail }) {
  if (escalation === null || status !== 'open') return null;
  return (
    <span>
      <span class="muted">next</span> step {escalation.step} of <Foreign text={escalation.policy} />{' '}
      {escalation.dueMs === null ? '(waits)' : <At timeMs={escalation.dueMs} />}
    </span>
  );
}

function Evidence({
  evidence,
  threshold,
}: {
  readonly evidence: IncidentEvidence | null;
  readonly threshold: number | null;
}) {
  return (
    <section aria-labelledby="evidence">
      <h2 id="evidence">When it opened</h2>
      {evidence === null ? (
        <p class="muted">Nothing was noted down.</p>
      ) : (
        <>
          <History history={evidence.history} threshold={threshold} />
          <Processes processes={evidence.processes} />
          <Changes changes={evidence.changes} />
        </>
      )}
    </section>
  );
}

function History({
  history,
  threshold,
}: {
  readonly history: IncidentEvidence['history'];
  readonly threshold: number | null;
}) {
  if ('problem' in history) {
    return (
      <p class="muted">
        No curve: <Foreign text={history.problem} maxLength={ERROR_LENGTH_MAX} />
      </p>
    );
  }
  const curve = curveOf(history.values, threshold);
  if (curve === null) return <p class="muted">No values in the hour before.</p>;
  const words = `The hour before: from ${formatNumber(curve.min)} to ${formatNumber(curve.max)}`;
  return (
    <figure class="evidence">
      <svg
        class="evidence-plot"
        viewBox={`0 0 ${CURVE_WIDTH} ${CURVE_HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        {curve.thresholdY === null ? null : (
          <line x1={0} x2={CURVE_WIDTH} y1={curve.thresholdY} y2={curve.thresholdY} />
        )}
        {curve.pieces.map((points) => (
          <polyline key={points} points={points} />
        ))}
      </svg>
      <figcaption>
        {words}
        {threshold === null ? null : `, limit ${formatNumber(threshold)} (dashed)`}.{' '}
        <span class="evidence-expression">
          <Foreign text={history.expression} maxLength={500} />
        </span>
      </figcaption>
    </figure>
  );
}

function Changes({ changes }: { readonly changes: IncidentEvidence['changes'] }) {
  if (changes === null) return null;
  if ('problem' in changes) {
    return (
      <p class="muted">
        Changes are not known: <Foreign text={changes.problem} maxLength={ERROR_LENGTH_MAX} />
      </p>
    );
  }
  if (changes.length === 0) return <p class="muted">Nothing had changed on the host in the day before.</p>;
  return (
    <>
      <h3>Changed on the host in the day before</h3>
      <ul class="timeline">
        {changes.map((change, index) => (
          <Change key={index} change={change} />
        ))}
      </ul>
    </>
  );
}

function Change({ change }: { readonly change: EvidenceChange }) {
  const values = [change.before, change.after].filter((value) => value !== null).join(' → ');
  return (
    <li>
      <At timeMs={change.atMs} />
      <span>
        <span class="muted">
          <Foreign text={change.section} />
        </span>{' '}
        <Foreign text={change.what} maxLength={200} /> {change.kind}
        {values === '' ? null : (
          <>
            : <Foreign text={values} maxLength={420} />
          </>
        )}
      </span>
    </li>
  );
}

const EVENT_WORDS = {
  fired: 'Opened',
  escalated: 'Escalated',
  acknowledged: 'Acknowledged',
  unacknowledged: 'No longer acknowledged',
  commented: 'Comment',
  resolved: 'Resolved',
  closed: 'Closed',
} as const satisfies Readonly<Record<Extract<IncidentEvent, { kind: 'transition' }>['transition'], string>>;

function Timeline({ events }: { readonly events: readonly IncidentEvent[] }) {
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">What happened</h2>
      <ol class="timeline">
        {events.map((event, index) => (
          <li key={index}>
            <span>
              <At timeMs={event.atMs} />
            </span>
            {event.kind === 'transition' ? <Happened event={event} /> : <Told event={event} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Happened({ event }: { readonly event: Extract<IncidentEvent, { kind: 'transition' }> }) {
  return (
    <span>
      <strong>{EVENT_WORDS[event.transition]}</strong>
      {event.person === null ? null : (
        <>
          {' '}
          by <Foreign text={event.person} maxLength={64} />
        </>
      )}
      {event.note === null ? null : (
        <span class="timeline-note">
          <Foreign text={event.note} maxLength={NOTE_LENGTH_MAX} />
        </span>
      )}
    </span>
  );
}

function Told({ event }: { readonly event: Extract<IncidentEvent, { kind: 'notification' }> }) {
  const last = event.attempts.at(-1);
  return (
    <span class={event.status === 'dead' ? 'has-problem' : undefined}>
      <Foreign text={event.receiver} maxLength={80} />:{' '}
      <span class="delivery-status">{DELIVERY_WORDS[event.status]}</span>
      {last === undefined ? null : (
        <span class="muted">
          , {plural(event.attempts.length, 'attempt')}, last <TimeAgo timeMs={last.atMs} />
        </span>
      )}
      {event.reason === null ? null : (
        <span class="delivery-error">
          <Foreign text={event.reason} maxLength={ERROR_LENGTH_MAX} />
        </span>
      )}
    </span>
  );
}

function NoSuchIncident() {
  useTitle('No such incident');
  return (
    <div class="quiet">
      <h1>No such incident</h1>
      <p>It may be so old that it was forgotten, or the address was mistyped.</p>
      <p>
        <a href="/incidents">All incidents</a>
      </p>
    </div>
  );
}
