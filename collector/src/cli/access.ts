/** `rollcall-collector access …`: tokens for people and programs. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { accessTokens, type AccessScope, type AccessTokens } from '../api/auth/tokens.ts';
import { withKnownState, withState } from './state.ts';
import { table, timeText } from './output.ts';

export function createAccessToken(
  dataDir: string,
  { name, scopes, isJson }: { name: string; scopes: readonly AccessScope[]; isJson: boolean },
): string {
  return withTokens(withState, dataDir, (tokens) => {
    const { token, id } = tokens.create(name, scopes);
    return isJson ? `${JSON.stringify({ id, scopes, token })}\n` : `${token}\n`;
  });
}

export function listAccessTokens(dataDir: string, isJson: boolean): string {
  return withTokens(withKnownState, dataDir, (tokens) => {
    const all = tokens.list();
    if (isJson) return `${JSON.stringify(all)}\n`;
    return table(
      ['ID', 'NAME', 'FOR', 'CREATED'],
      all.map(({ id, name, scopes, createdMs }) => [id, name, scopes.join(), timeText(createdMs)]),
    );
  });
}

export function revokeAccessToken(dataDir: string, id: string): string {
  return withTokens(withKnownState, dataDir, (tokens) => {
    if (!tokens.revoke(id)) throw new AppError('NOT_FOUND', `there is no access token ${id}`);
    return `revoked ${id}\n`;
  });
}

function withTokens<T>(open: typeof withState, dataDir: string, work: (tokens: AccessTokens) => T): T {
  return open(dataDir, (state) =>
    work(accessTokens({ state, wallMs: () => systemClock.wallMs(), randomBytes })),
  );
}
