import { useState } from 'preact/hooks';
import type { InventoryChangeSet } from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { formatCount } from '../../format.ts';
import { usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { Foreign } from '../../ui/text.tsx';
import { TimeAgo } from '../../ui/time.tsx';
import { changeText } from './change-text.ts';
import { sectionTitle } from './field.ts';

const REFRESH_MS = 60_000;
/** Lines of one change set before the reader asks for all. */
const LINES_SHOWN = 8;

/** What changed on the machine, newest first. */
export function InventoryChanges({ hostId }: { readonly hostId: string }) {
  const { api } = usePage();
  const poll = usePoll((abort) => api.inventoryChanges(hostId, abort), REFRESH_MS, [hostId]);
  const answer = poll.value.value;
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">What changed</h2>
      <PollFailure poll={poll} what="the changes" />
      {answer === null ? null : <Sets sets={answer.changes} />}
    </section>
  );
}

function Sets({ sets }: { readonly sets: readonly InventoryChangeSet[] }) {
  if (sets.length === 0) return <p class="muted">Nothing since the inventory was first sent.</p>;
  return (
    <ol class="changes">
      {sets.map((set) => (
        <li key={`${set.section} ${set.atMs}`}>
          <ChangeSet set={set} />
        </li>
      ))}
    </ol>
  );
}

function ChangeSet({ set }: { readonly set: InventoryChangeSet }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? set.changes : set.changes.slice(0, LINES_SHOWN);
  return (
    <>
      <h3>
        <Foreign text={sectionTitle(set.section)} />{' '}
        <span class="muted">
          <TimeAgo timeMs={set.atMs} />
        </span>
      </h3>
      <ul>
        {shown.map((change, index) => {
          const { sign, verb, what, how } = changeText(change);
          return (
            <li key={index}>
              <span aria-hidden="true">{sign} </span>
              <span class="sr-only">{verb} </span>
              <Foreign text={what} /> <Foreign text={how} />
            </li>
          );
        })}
      </ul>
      {shown.length < set.changes.length ? (
        <button type="button" class="button" onClick={() => setWhole(true)}>
          Show all {formatCount(set.changes.length)}
        </button>
      ) : null}
      {set.omitted > 0 ? <p class="muted">{formatCount(set.omitted)} more are not listed.</p> : null}
    </>
  );
}
