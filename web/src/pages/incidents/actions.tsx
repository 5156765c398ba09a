/** Acknowledging, commenting and closing an incident, with a token that the page forgets with its tab. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { IncidentDetail } from '../../../../collector/src/api/types.ts';
import { usePage } from '../../page.ts';
import { Foreign } from '../../ui/text.tsx';
import {
  CHANGE_WORDS,
  changeFor,
  changesOf,
  doneWords,
  refusalWords,
  TEXT_LENGTH_MAX,
  type ChangeKind,
} from './change.ts';

const MESSAGE_LENGTH_MAX = 500;
const TOKEN_LENGTH_MAX = 256;

export function Actions({
  incident,
  onChanged,
}: {
  readonly incident: IncidentDetail;
  readonly onChanged: () => void;
}) {
  const { api, announce, writeToken } = usePage();
  const text = useSignal('');
  const token = useSignal('');
  const problem = useSignal<{ readonly words: string; readonly of: 'text' | 'token' } | null>(null);
  const isBusy = useSignal(false);
  const running = useRef<AbortController | null>(null);
  const textField = useRef<HTMLTextAreaElement>(null);
  const tokenField = useRef<HTMLInputElement>(null);
  useEffect(() => () => running.current?.abort(), []);

  const shown = problem.value;
  // After the page has changed: the field for the token may have been hidden until now.
  useEffect(() => {
    if (shown !== null) (shown.of === 'token' ? tokenField : textField).current?.focus();
  }, [shown]);

  const act = async (kind: ChangeKind): Promise<void> => {
    if (isBusy.value) return;
    const change = changeFor(kind, text.value);
    if ('problem' in change) {
      problem.value = { words: change.problem, of: 'text' };
      return;
    }
    const used = writeToken.value ?? token.value.trim();
    if (used === '') {
      problem.value = { words: 'Enter an access token first.', of: 'token' };
      return;
    }
    const abort = new AbortController();
    running.current = abort;
    isBusy.value = true;
    problem.value = null;
    const answer = await api.changeIncident(incident.id, change, { token: used, signal: abort.signal });
    if (abort.signal.aborted) return;
    isBusy.value = false;
    if (answer.kind === 'ok') {
      writeToken.value = used;
      token.value = '';
      if (kind !== 'unack') text.value = '';
      announce(doneWords(kind));
      onChanged();
      return;
    }
    const { words, isTokenRefused } = refusalWords(answer);
    if (isTokenRefused) writeToken.value = null;
    problem.value = { words, of: isTokenRefused ? 'token' : 'text' };
  };
  const kinds = changesOf(incident);
  return (
    <section class="incident-actions" aria-labelledby="actions">
      <h2 id="actions">Take care of it</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void act(kinds[0] ?? 'comment');
        }}
      >
        <label class="form-field">
          Comment
          <textarea
            ref={textField}
            rows={3}
            maxLength={TEXT_LENGTH_MAX.comment}
            value={text.value}
            aria-describedby="action-problem"
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="form-field" hidden={writeToken.value !== null}>
          Access token for changes
          <input
            ref={tokenField}
            type="password"
            autocomplete="off"
            spellcheck={false}
            maxLength={TOKEN_LENGTH_MAX}
            value={token.value}
            aria-describedby="action-problem"
            onInput={(event) => {
              token.value = event.currentTarget.value;
            }}
          />
          <span class="muted">Kept until this tab is closed or loaded anew.</span>
        </label>
        <p class="form-buttons">
          {kinds.map((kind, index) => (
            <button
              key={kind}
              class="button"
              type={index === 0 ? 'submit' : 'button'}
              aria-disabled={isBusy.value}
              onClick={index === 0 ? undefined : () => void act(kind)}
            >
              {CHANGE_WORDS[kind]}
            </button>
          ))}
          {writeToken.value === null ? null : (
            <button
              class="button"
              type="button"
              onClick={() => {
                writeToken.value = null;
              }}
            >
              Forget the token
            </button>
          )}
        </p>
        <div id="action-problem" role="alert">
          {shown === null ? null : (
            <p class="notice is-problem">
              <Foreign text={shown.words} maxLength={MESSAGE_LENGTH_MAX} />
            </p>
          )}
        </div>
      </form>
    </section>
  );
}
