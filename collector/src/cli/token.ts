/** `rollcall-collector token …`: tokens that let agents enrol. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { EnrolmentTokens } from '../fleet/tokens.ts';
import { withKnownState, withState } from './state.ts';
import { table, timeText } from './output.ts';

const HOUR_MS = 3_600_000;

export function createEnrollmentToken(
  dataDir: string,
  options: { readonly uses: number; readonly expiryHours: number; readonly isJson: boolean },
): string {
  return withTokens(withState, dataDir, (tokens) => {
    const { token, summary } = tokens.create({
      creator: userInfo().username,
      lifetimeMs: options.expiryHours * HOUR_MS,
      usesMax: options.uses,
    });
    if (options.isJson) return `${JSON.stringify({ ...summary, token: token.reveal() })}\n`;
    return `${token.reveal()}\n`;
  });
}

export function listEnrollmentTokens(dataDir: string, isJson: boolean): string {
  return withTokens(withKnownState, dataDir, (tokens) => {
    const all = tokens.list();
    if (isJson) return `${JSON.stringify(all)}\n`;
    return table(
      ['ID', 'CREATED', 'EXPIRES', 'USED', 'BY', 'STATE'],
      all.map((token) => [
        token.id,
        timeText(token.createdMs),
        timeText(token.expiresMs),
        `${token.uses} of ${token.usesMax}`,
        token.creator,
        stateOf(token),
      ]),
    );
  });
}

export function revokeEnrollmentToken(dataDir: string, id: string): string {
  return withTokens(withKnownState, dataDir, (tokens) => {
    if (!tokens.revoke(id))
      throw new AppError('NOT_FOUND', `there is no enrolment token ${id} that could be revoked`);
    return `revoked ${id}\n`;
  });
}

function stateOf(token: ReturnType<EnrolmentTokens['list']>[number]): string {
  if (token.revokedMs !== null) return 'revoked';
  if (token.uses >= token.usesMax) return 'used up';
  return token.expiresMs <= systemClock.wallMs() ? 'expired' : 'valid';
}

function withTokens<T>(open: typeof withState, dataDir: string, work: (tokens: EnrolmentTokens) => T): T {
  return open(dataDir, (database) =>
    work(new EnrolmentTokens({ database, clock: systemClock, randomBytes })),
  );
}
