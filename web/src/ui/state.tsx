import type { HostState } from '../../../collector/src/api/types.ts';

/** The words for the states, used wherever one is named. */
export const STATE_WORDS: Readonly<Record<HostState, string>> = {
  down: 'Down',
  suspect: 'Suspect',
  unknown: 'Unknown',
  up: 'Up',
  planned: 'Planned',
};

// Each state has a shape of its own, so that the colour is never the only sign.
const SHAPES: Readonly<Record<HostState, string>> = {
  down: 'M1 1h12v12H1zM4.4 4.4l5.2 5.2M9.6 4.4l-5.2 5.2',
  suspect: 'M7 .8 13.6 12.6H.4zM7 5v3.4M7 10.4v.4',
  unknown: 'M7 1a6 6 0 1 0 0 12A6 6 0 0 0 7 1zM5.3 5.5a1.7 1.7 0 1 1 2.4 1.6c-.5.3-.7.5-.7 1.1M7 10.2v.3',
  up: 'M7 1a6 6 0 1 0 0 12A6 6 0 0 0 7 1zM4.4 7.2l1.8 1.8 3.4-3.8',
  planned: 'M7 1a6 6 0 1 0 0 12A6 6 0 0 0 7 1zM5.6 4.8v4.4M8.4 4.8v4.4',
};

/** The sign of a state without its word; decoration only. */
export function StateIcon({ state }: { readonly state: HostState }) {
  return (
    <svg
      class={`state-icon is-${state}`}
      viewBox="0 0 14 14"
      width="14"
      height="14"
      aria-hidden="true"
      focusable="false"
    >
      <path d={SHAPES[state]} />
    </svg>
  );
}

/** Sign and word of a state. */
export function StateLabel({ state }: { readonly state: HostState }) {
  return (
    <span class={`state is-${state}`}>
      <StateIcon state={state} />
      {STATE_WORDS[state]}
    </span>
  );
}
