import type { Incident, IncidentDelivery, Severity } from '../../../../collector/src/api/types.ts';
import { formatNumber, formatSpan, plural } from '../../format.ts';
import { Foreign } from '../../ui/text.tsx';
import { At, TimeAgo } from '../../ui/time.tsx';

const DESCRIPTION_LENGTH_MAX = 1000;
const ERROR_LENGTH_MAX = 300;

const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  page: 'Page',
  ticket: 'Ticket',
  capacity: 'Capacity',
  info: 'Info',
};

/** Incidents one under the other, each with how its notifications fare. */
export function IncidentList({
  incidents,
  isHostShown = true,
}: {
  readonly incidents: readonly Incident[];
  readonly isHostShown?: boolean;
}) {
  return (
    <ul class="incidents">
      {incidents.map((incident) => (
        <li key={incident.id}>
          <IncidentCard incident={incident} isHostShown={isHostShown} />
        </li>
      ))}
    </ul>
  );
}

function IncidentCard({
  incident,
  isHostShown,
}: {
  readonly incident: Incident;
  readonly isHostShown: boolean;
}) {
  return (
    <article class="incident">
      <header>
        <SeverityBadge severity={incident.severity} />
        <h3>
          <a href={`/incidents/${encodeURIComponent(incident.id)}`}>
            <Foreign text={incident.title} maxLength={300} />
          </a>
        </h3>
        <Acknowledged incident={incident} />
        {incident.status === 'open' && incident.isHeld ? (
          <span
            class="badge is-held"
            title="The host does not report, so the incident is kept until there is evidence."
          >
            held: no data
          </span>
        ) : null}
      </header>
      <p class="incident-facts">
        {isHostShown ? <HostOf incident={incident} /> : null}
        <When incident={incident} />
        <span>
          <span class="muted">rule</span> <Foreign text={incident.rule} />
        </span>
        <Value incident={incident} />
      </p>
      {incident.description === '' ? null : (
        <p class="incident-text">
          <Foreign text={incident.description} maxLength={DESCRIPTION_LENGTH_MAX} />
        </p>
      )}
      <Deliveries deliveries={incident.deliveries} />
    </article>
  );
}

/** Who takes care of an open incident, where somebody has said so. */
export function Acknowledged({ incident }: { readonly incident: Incident }) {
  const { acknowledgement, status } = incident;
  if (acknowledgement === null || status !== 'open') return null;
  return (
    <span class="badge is-acknowledged">
      acknowledged by <Foreign text={acknowledgement.by} maxLength={64} />
    </span>
  );
}

/** How urgent an incident is, in a word; the weight of the badge follows it, colours stay for states. */
export function SeverityBadge({ severity }: { readonly severity: Severity }) {
  return <span class={`badge is-${severity}`}>{SEVERITY_WORDS[severity]}</span>;
}

/** The host of an incident as a link; a rule over the fleet has none. */
export function HostOf({ incident }: { readonly incident: Incident }) {
  const name = incident.hostName ?? incident.hostId;
  if (name === null) return <span class="muted">whole fleet</span>;
  if (incident.hostId === null) return <Foreign text={name} />;
  return (
    <a href={`/hosts/${encodeURIComponent(incident.hostId)}`}>
      <Foreign text={name} />
    </a>
  );
}

/** Since when it is open, or when it was and for how long. */
export function When({ incident }: { readonly incident: Incident }) {
  if (incident.resolvedMs === null) {
    return (
      <span>
        <span class="muted">since</span> <At timeMs={incident.openedMs} /> (
        <TimeAgo timeMs={incident.openedMs} />)
      </span>
    );
  }
  return (
    <span>
      <At timeMs={incident.openedMs} /> <span class="muted">for</span>{' '}
      {formatSpan(incident.resolvedMs - incident.openedMs)}
    </span>
  );
}

/** The value that opened it, beside its limit. */
export function Value({ incident }: { readonly incident: Incident }) {
  if (incident.value === null) return null;
  return (
    <span>
      <span class="muted">value</span> {formatNumber(incident.value)}
      {incident.threshold === null ? null : (
        <>
          {' '}
          <span class="muted">limit</span> {formatNumber(incident.threshold)}
        </>
      )}
    </span>
  );
}

/** How a notification fares, in words. */
export const DELIVERY_WORDS: Readonly<Record<IncidentDelivery['status'], string>> = {
  queued: 'queued',
  sending: 'being sent',
  waiting: 'waiting to try again',
  delivered: 'delivered',
  dead: 'given up',
  superseded: 'replaced by a newer one',
  suppressed: 'held back',
};

/** The notifications of an incident; a problem with one is in plain words, not only in a log. */
function Deliveries({ deliveries }: { readonly deliveries: readonly IncidentDelivery[] }) {
  if (deliveries.length === 0) return <p class="deliveries muted">Nobody was notified.</p>;
  return (
    <ul class="deliveries" aria-label="Notifications">
      {deliveries.map((delivery, index) => (
        <li
          key={index}
          class={delivery.status === 'dead' || delivery.lastError !== null ? 'has-problem' : undefined}
        >
          <span class="delivery-receiver">
            <Foreign text={delivery.receiver} maxLength={80} />:
          </span>{' '}
          <span class="delivery-status">
            {delivery.transition === 'fired' ? 'alert' : 'all-clear'} {DELIVERY_WORDS[delivery.status]}
          </span>
          <span class="muted">
            {delivery.attempts === 0 ? '' : `, ${plural(delivery.attempts, 'attempt')}`}
            {delivery.lastAttemptMs === null ? null : (
              <>
                , last <TimeAgo timeMs={delivery.lastAttemptMs} />
              </>
            )}
          </span>
          {delivery.lastError === null ? null : (
            <span class="delivery-error">
              {' '}
              <Foreign text={delivery.lastError} maxLength={ERROR_LENGTH_MAX} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
