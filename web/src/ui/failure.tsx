import type { Failure } from '../api/client.ts';
import type { Poll } from '../api/poll.ts';
import { formatTimeOfDay } from '../format.ts';
import { Foreign } from './text.tsx';

const MESSAGE_LENGTH_MAX = 500;

/**
 * What to show of a poll's failure: nothing while all is well, a panel in place of the content when there is nothing to
 * show, and a line above it when there is. That the collector is away is told once, by the frame of the page.
 */
export function PollFailure({ poll, what }: { readonly poll: Poll<unknown>; readonly what: string }) {
  const failure = poll.failure.value;
  if (failure === null) return null;
  const updatedMs = poll.updatedMs.value;
  if (updatedMs !== null && failure.kind === 'unreachable') return null;
  return (
    <div class="notice is-problem">
      <p>
        <strong>{headline(failure, what)}</strong>{' '}
        {updatedMs === null ? null : `Shown is the state of ${formatTimeOfDay(updatedMs)}.`}
      </p>
      <p class="notice-detail">
        <Foreign text={detail(failure)} maxLength={MESSAGE_LENGTH_MAX} />
      </p>
      <button type="button" class="button" onClick={() => poll.refresh()}>
        Try again
      </button>
    </div>
  );
}

function headline(failure: Failure, what: string): string {
  switch (failure.kind) {
    case 'unreachable':
      return `Cannot load ${what}.`;
    case 'refused':
      return failure.status === 401
        ? `You need to be logged in to see ${what}.`
        : `The collector refused ${what}.`;
    case 'malformed':
      return `The answer with ${what} could not be read.`;
  }
}

function detail(failure: Failure): string {
  return failure.kind === 'refused' ? `${failure.code}: ${failure.message}` : failure.message;
}
