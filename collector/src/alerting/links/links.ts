/** What happens when somebody follows a signed link. Looking changes nothing: programs that scan mail look too. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { IncidentDetail } from '../../api/types.ts';
import type { AlertingCounters } from '../counters.ts';
import type { IncidentActions } from '../incidents/actions.ts';
import { linkExpiryMs, signLink, verifyLink, type LinkAction } from './sign.ts';

/** What a person sees. */
export type LinkAnswer =
  | {
      readonly kind: 'offer' | 'done' | 'already' | 'ended';
      readonly action: LinkAction;
      readonly title: string;
    }
  | { readonly kind: 'expired' | 'forged' };

/** Writes the links that go into messages. */
export interface LinkSigner {
  /** The addresses for one incident, as one receiver gets them. */
  to(incidentId: string, receiver: string): Readonly<Record<LinkAction, string>>;
}

export interface Links {
  /** What following the link would do. */
  look(path: string): LinkAnswer;
  /** Does it; once is as good as twice. */
  follow(path: string): LinkAnswer;
}

export interface LinkSignerOptions {
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly externalUrl: string;
}

export interface LinksOptions {
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly actions: Pick<IncidentActions, 'acknowledge' | 'close'>;
  readonly incident: (id: string) => Pick<IncidentDetail, 'title' | 'status' | 'acknowledgement'> | undefined;
  /** The person to whom a receiver belongs. */
  readonly ownerOf: (receiver: string) => string | null;
  readonly counters: AlertingCounters;
}

export const LINK_PATH = '/act';

/** Signs with the key by which `createLinks` knows them again. */
export function createLinkSigner({ key, clock, externalUrl }: LinkSignerOptions): LinkSigner {
  return {
    to(incidentId, receiver) {
      const expiresMs = linkExpiryMs(clock.wallMs());
      const url = (action: LinkAction): string =>
        `${externalUrl}${LINK_PATH}/${signLink(key, { action, incidentId, receiver, expiresMs })}`;
      return { ack: url('ack'), close: url('close') };
    },
  };
}

export function createLinks(options: LinksOptions): Links {
  const { key, clock, actions, counters } = options;

  const look = (path: string) => {
    const verdict = verifyLink(key, path, clock.wallMs());
    if (verdict.kind !== 'valid') return { answer: verdict, claim: null };
    const { claim } = verdict;
    const incident = options.incident(claim.incidentId);
    // An incident that was pruned has ended long ago.
    const at = { action: claim.action, title: incident?.title ?? claim.incidentId };
    if (incident?.status !== 'open') return { answer: { kind: 'ended', ...at } as const, claim };
    const isDone = claim.action === 'ack' && incident.acknowledgement !== null;
    return { answer: { kind: isDone ? 'already' : 'offer', ...at } as const, claim };
  };
  const counted = (answer: LinkAnswer): LinkAnswer => {
    const action = 'action' in answer ? answer.action : 'unknown';
    counters.increment('rollcall_alerting_links_total', { action, outcome: answer.kind });
    return answer;
  };

  return {
    look: (path) => counted(look(path).answer),

    follow(path) {
      const { answer, claim } = look(path);
      if (answer.kind !== 'offer' || claim === null) return counted(answer);
      const { action, incidentId, receiver } = claim;
      const by = options.ownerOf(receiver) ?? `link to ${receiver}`;
      try {
        if (action === 'ack') actions.acknowledge(incidentId, { by, untilMs: null });
        else actions.close(incidentId, { by, reason: `closed by ${by}` });
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'INCIDENT_ENDED') throw error;
        return counted({ ...answer, kind: 'ended' });
      }
      return counted({ ...answer, kind: 'done' });
    },
  };
}
