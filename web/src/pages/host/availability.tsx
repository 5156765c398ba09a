import { useLocation } from 'preact-iso';
import { useState } from 'preact/hooks';
import type { AvailabilityAnswer } from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { SpanChoice } from '../../availability/span-choice.tsx';
import {
  KIND_WORDS,
  describeReasons,
  formatAvailable,
  formatLasted,
  spanOf,
  stretchesOf,
  type Stretch,
} from '../../availability/stretches.ts';
import { Strip } from '../../availability/strip.tsx';
import { formatCount, formatSpan } from '../../format.ts';
import { usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { Foreign } from '../../ui/text.tsx';
import { At } from '../../ui/time.tsx';
import { addressWith } from './address.ts';

const REFRESH_MS = 60_000;
/** Stretches that are listed before the reader asks for all. */
const STRETCHES_SHOWN = 10;

/** How available a host was over the span that the address names: `?span=7d`. */
export function HostAvailability({ hostId }: { readonly hostId: string }) {
  const { api } = usePage();
  const { path, query, route } = useLocation();
  const span = spanOf(query['span']);
  const poll = usePoll((abort) => api.availability(hostId, span.ms, abort), REFRESH_MS, [hostId, span.id]);
  const answer = poll.value.value;
  return (
    <section aria-labelledby="availability">
      <div class="section-head">
        <h2 id="availability">Availability</h2>
        <SpanChoice span={span} onSpan={({ id }) => route(addressWith(path, query, { span: id }), true)} />
      </div>
      <PollFailure poll={poll} what="the availability" />
      {answer === null ? null : <Story key={span.id} answer={answer} />}
    </section>
  );
}

function Story({ answer: { seen, corrected, fromMs, toMs } }: { readonly answer: AvailabilityAnswer }) {
  const stretches = stretchesOf(corrected);
  return (
    <div class="availability">
      <dl class="facts">
        <Figure label="Available" text={formatAvailable(corrected.availableRatio)} isMain />
        <Figure label="As seen then" text={formatAvailable(seen.availableRatio)} />
        <Figure label="Down" text={formatLasted(corrected.downMs)} />
        <Figure label="Planned" text={formatLasted(corrected.plannedMs)} />
        <Figure label="Unknown" text={formatLasted(corrected.unknownMs)} />
      </dl>
      <Strip stretches={stretches} fromMs={fromMs} toMs={toMs} />
      <Stretches stretches={stretches.filter(({ kind }) => kind !== 'up').toReversed()} />
      {corrected.omittedSpans === 0 ? null : (
        <p class="muted">
          {formatCount(corrected.omittedSpans)} older changes are counted and neither drawn nor listed.
        </p>
      )}
    </div>
  );
}

interface FigureProps {
  readonly label: string;
  readonly text: string;
  readonly isMain?: boolean;
}

function Figure({ label, text, isMain = false }: FigureProps) {
  return (
    <div class={isMain ? 'fact is-main' : 'fact'}>
      <dt>{label}</dt>
      <dd>{text}</dd>
    </div>
  );
}

/** The strip in words, newest first. */
function Stretches({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const [isWhole, setWhole] = useState(false);
  if (stretches.length === 0) return <p class="muted">Up all the time.</p>;
  const shown = isWhole ? stretches : stretches.slice(0, STRETCHES_SHOWN);
  return (
    <>
      <div class="table-scroll" role="region" aria-label="When it was not up" tabIndex={0}>
        <table class="list">
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">Lasted</th>
              <th scope="col">State</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((stretch) => (
              <tr key={stretch.fromMs}>
                <td>
                  <At timeMs={stretch.fromMs} />
                </td>
                <td>{formatSpan(Math.max(1000, stretch.toMs - stretch.fromMs))}</td>
                <td class={`stretch-word is-${stretch.kind}`}>{KIND_WORDS[stretch.kind]}</td>
                <td class="is-text">
                  <Foreign text={describeReasons(stretch)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < stretches.length ? (
        <button type="button" class="button" onClick={() => setWhole(true)}>
          Show all {formatCount(stretches.length)} stretches
        </button>
      ) : null}
    </>
  );
}
