/** What a person can do with an incident, and what is said of how it went. */
import type { IncidentDetail } from '../../../../collector/src/api/types.ts';
import type { Failure, IncidentChange } from '../../api/client.ts';

export type ChangeKind = IncidentChange['kind'];

/** The API takes no more. */
export const TEXT_LENGTH_MAX = {
  ack: 4_000,
  unack: 4_000,
  comment: 4_000,
  close: 256,
} as const satisfies Readonly<Record<ChangeKind, number>>;

/** How a button for it is called. */
export const CHANGE_WORDS = {
  ack: 'Acknowledge',
  unack: 'Take acknowledgement back',
  comment: 'Comment',
  close: 'Close',
} as const satisfies Readonly<Record<ChangeKind, string>>;

const DONE_WORDS = {
  ack: 'Acknowledged.',
  unack: 'No longer acknowledged.',
  comment: 'Comment added.',
  close: 'Closed.',
} as const satisfies Readonly<Record<ChangeKind, string>>;

/** What can be done with an incident in its state; the first is the usual one. */
export function changesOf({
  status,
  acknowledgement,
}: Pick<IncidentDetail, 'status' | 'acknowledgement'>): readonly ChangeKind[] {
  if (status !== 'open') return ['comment'];
  return acknowledgement === null ? ['ack', 'comment', 'close'] : ['comment', 'unack', 'close'];
}

/** The change with what was written, or what is missing for it. */
export function changeFor(kind: ChangeKind, written: string): IncidentChange | { readonly problem: string } {
  const text = written.trim();
  if (text.length > TEXT_LENGTH_MAX[kind]) {
    const { length } = text;
    return { problem: `${length} characters are too many: ${TEXT_LENGTH_MAX[kind]} are allowed.` };
  }
  switch (kind) {
    case 'ack':
      return { kind, note: text };
    case 'unack':
      return { kind };
    case 'comment':
      return text === '' ? { problem: 'Write the comment first.' } : { kind, text };
    case 'close':
      return text === '' ? { problem: 'Write why it is closed first.' } : { kind, reason: text };
  }
}

export function doneWords(kind: ChangeKind): string {
  return DONE_WORDS[kind];
}

/** Why nothing was changed, in words; `isTokenRefused` when another token may help. */
export function refusalWords(failure: Failure): { readonly words: string; readonly isTokenRefused: boolean } {
  if (failure.kind !== 'refused')
    return { words: `Nothing was changed: ${failure.message}.`, isTokenRefused: false };
  const isTokenRefused = failure.status === 401 || failure.status === 403;
  const words = isTokenRefused ? 'This token may not change incidents' : 'The collector refused it';
  return { words: `${words}: ${failure.message}.`, isTokenRefused };
}
