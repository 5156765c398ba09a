import { useLocation } from 'preact-iso';
import { useState } from 'preact/hooks';
import type {
  AvailabilityFigures,
  FleetAvailabilityAnswer,
  HostAvailability,
} from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { SpanChoice } from '../../availability/span-choice.tsx';
import { formatAvailable, formatLasted, spanOf } from '../../availability/stretches.ts';
import { formatCount, plural } from '../../format.ts';
import { usePage } from '../../page.ts';
import { hasWords, wordsOf } from '../../search.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { SearchBox } from '../../ui/search-box.tsx';
import { Foreign } from '../../ui/text.tsx';
import { useTitle } from '../../ui/title.ts';

const REFRESH_MS = 60_000;
/** The hosts that are listed at first, and at most. */
const HOSTS_SHOWN = 100;
const HOSTS_MAX = 1_000;
/** The hosts that are searched: as many as the collector tells of at once. */
const HOSTS_SEARCHED = 5_000;

/** How available all hosts were, worst first: `/availability?span=7d&q=<words>`. */
export function AvailabilityPage() {
  useTitle('Availability');
  const { path, query, route } = useLocation();
  const span = spanOf(query['span']);
  const text = query['q'] ?? '';
  const change = (spanId: string, words: string): void => {
    const next = new URLSearchParams({ span: spanId });
    if (words !== '') next.set('q', words);
    route(`${path}?${next.toString()}`, true);
  };
  return (
    <section aria-labelledby="availability" class="availability">
      <div class="section-head">
        <h1 id="availability">Availability</h1>
        <SearchBox label="Search hosts by name" text={text} onText={(words) => change(span.id, words)} />
        <SpanChoice span={span} onSpan={({ id }) => change(id, text)} />
      </div>
      <Hosts
        key={span.id}
        spanId={span.id}
        lengthMs={span.ms}
        text={text}
        onClear={() => change(span.id, '')}
      />
    </section>
  );
}

interface HostsProps {
  readonly spanId: string;
  readonly lengthMs: number;
  /** What is searched for; '' for all hosts. */
  readonly text: string;
  readonly onClear: () => void;
}

function Hosts({ spanId, lengthMs, text, onClear }: HostsProps) {
  const { api } = usePage();
  const [shown, setShown] = useState(HOSTS_SHOWN);
  const words = wordsOf(text);
  const isSearch = words.length > 0;
  // All at once, so that a further letter costs the collector nothing.
  const limit = isSearch ? HOSTS_SEARCHED : shown;
  const poll = usePoll((abort) => api.fleetAvailability({ lengthMs, limit }, abort), REFRESH_MS, [limit]);
  const answer = poll.value.value;
  const found =
    answer === null || !isSearch
      ? null
      : answer.hosts.filter(({ name, hostId }) => hasWords(words, `${name}\n${hostId}`));
  return (
    <>
      <PollFailure poll={poll} what="the availability" />
      {answer === null ? null : answer.hosts.length === 0 ? (
        <p class="all-well">There is no host yet.</p>
      ) : (
        <>
          <Total answer={answer} />
          {found === null ? (
            <>
              <HostTable hosts={answer.hosts} spanId={spanId} />
              <Omitted count={answer.omittedHosts} limit={limit} onMore={() => setShown(HOSTS_MAX)} />
            </>
          ) : (
            <Found answer={answer} found={found} spanId={spanId} onClear={onClear} />
          )}
        </>
      )}
      <p class="list-note" role="status">
        {answer === null || found === null ? '' : describeFound(found.length, answer.hosts.length)}
      </p>
    </>
  );
}

interface FoundProps {
  readonly answer: FleetAvailabilityAnswer;
  readonly found: readonly HostAvailability[];
  readonly spanId: string;
  readonly onClear: () => void;
}

function Found({ answer, found, spanId, onClear }: FoundProps) {
  return (
    <>
      {answer.omittedHosts === 0 ? null : (
        <p class="notice">
          Only the {plural(answer.hosts.length, 'host')} that were least available are searched.
        </p>
      )}
      {found.length === 0 ? (
        <button type="button" class="button" onClick={onClear}>
          Show all hosts
        </button>
      ) : (
        <HostTable hosts={found.slice(0, HOSTS_MAX)} spanId={spanId} />
      )}
    </>
  );
}

function describeFound(count: number, searched: number): string {
  if (count === 0) return 'No host matches.';
  const ofAll = `${formatCount(count)} of ${plural(searched, 'host')}`;
  return count > HOSTS_MAX ? `${ofAll}; the first ${formatCount(HOSTS_MAX)} are listed` : ofAll;
}

function Total({ answer }: { readonly answer: FleetAvailabilityAnswer }) {
  const { total, hosts, omittedHosts, failedHosts } = answer;
  const without =
    failedHosts === 0 ? '' : ` without ${formatCount(failedHosts)} whose figures cannot be made`;
  return (
    <p>
      <strong>{formatAvailable(total.corrected.availableRatio)}</strong> of the time of all{' '}
      {plural(hosts.length + omittedHosts, 'host')}
      {without}, {formatAvailable(total.seen.availableRatio)} as seen then. Planned work, and time in which
      nobody could know, count for neither side.
    </p>
  );
}

interface OmittedProps {
  readonly count: number;
  readonly limit: number;
  readonly onMore: () => void;
}

function Omitted({ count, limit, onMore }: OmittedProps) {
  if (count === 0) return null;
  return (
    <p>
      <span class="muted">{plural(count, 'host')} more, none known to be less available. </span>
      {limit < HOSTS_MAX ? (
        <button type="button" class="button" onClick={onMore}>
          Show {formatCount(Math.min(HOSTS_MAX, limit + count))}
        </button>
      ) : null}
    </p>
  );
}

interface HostTableProps {
  readonly hosts: readonly HostAvailability[];
  readonly spanId: string;
}

function HostTable({ hosts, spanId }: HostTableProps) {
  return (
    <div class="table-scroll" role="region" aria-label="Availability of hosts, worst first" tabIndex={0}>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">Available</th>
            <th scope="col">As seen then</th>
            <th scope="col">Down</th>
            <th scope="col">Planned</th>
            <th scope="col">Unknown</th>
          </tr>
        </thead>
        <tbody>
          {hosts.map((host) => (
            <tr key={host.hostId}>
              <th scope="row">
                <a href={`/hosts/${encodeURIComponent(host.hostId)}?span=${spanId}`}>
                  <Foreign text={host.name} />
                </a>
              </th>
              {host.kind === 'failed' ? (
                <td class="is-text" colSpan={5}>
                  <Foreign text={host.error.message} />
                </td>
              ) : (
                <Figures seen={host.seen} corrected={host.corrected} />
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type FiguresProps = Readonly<Record<'seen' | 'corrected', AvailabilityFigures>>;

function Figures({ seen, corrected }: FiguresProps) {
  return (
    <>
      <td class="is-main">{formatAvailable(corrected.availableRatio)}</td>
      <td>{formatAvailable(seen.availableRatio)}</td>
      <td>{formatLasted(corrected.downMs)}</td>
      <td>{formatLasted(corrected.plannedMs)}</td>
      <td>{formatLasted(corrected.unknownMs)}</td>
    </>
  );
}
