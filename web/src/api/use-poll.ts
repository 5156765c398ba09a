import { useEffect, useMemo } from 'preact/hooks';
import { usePage } from '../page.ts';
import type { Answer } from './client.ts';
import { Poll } from './poll.ts';

/**
 * A poll that lives as long as the component and starts anew, without a value, when one of `inputs` changes.
 * `load` never rejects; `intervalMs` runs from the end of one request to the start of the next.
 */
export function usePoll<T>(
  load: (signal: AbortSignal) => Promise<Answer<T>>,
  intervalMs: number,
  inputs: readonly unknown[],
): Poll<T> {
  const { clock, isHidden } = usePage();
  const poll = useMemo(() => new Poll<T>({ clock, isHidden, intervalMs, load }), [...inputs, intervalMs]);
  useRunning(poll);
  return poll;
}

/** Runs a poll that lives longer than the component for as long as the component is shown. */
export function useRunning(poll: Poll<unknown>): void {
  useEffect(() => {
    poll.start();
    return () => poll.stop();
  }, [poll]);
}
