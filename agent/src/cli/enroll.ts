/** `rollcall-agent enroll`: makes an identity with a token and stops. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { redactUrl } from '@rollcall/shared/lib/secret.ts';
import type { Config } from '../config/load.ts';
import { enroll, type EnrollOptions } from '../enroll/enroll.ts';
import { readIdentity } from '../enroll/identity-file.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import type { MachineFacts } from '../self/facts.ts';
import { readAuthorities } from './inputs.ts';
import type { Terminal } from './terminal.ts';

/** @throws AppError BAD_CONFIG when it is enrolled already and not forced, DATA_DIR_UNUSABLE, and what enrolment throws */
export async function enrollOnce(
  config: Config,
  options: { readonly facts: MachineFacts; readonly isForced: boolean; readonly terminal: Terminal },
): Promise<void> {
  const { facts, isForced, terminal } = options;
  const dir = PrivateDir.open(config.dataDir);
  // With --force even a damaged identity may be in the way.
  const existing = isForced ? undefined : readIdentity(dir);
  if (existing !== undefined) {
    throw new AppError(
      'BAD_CONFIG',
      `already enrolled with ${redactUrl(existing.url)}; give --force to enrol anew`,
    );
  }
  const what = enrollment(config);
  const identity = await enroll({ ...what, dir, facts: enrollFacts(facts), mustRenewKeys: isForced });
  const id = identity.identity.agentId.toString('hex');
  terminal.print(`enrolled with ${redactUrl(identity.url)} as ${id}\n`);
}

/** What enrolment needs of the settings. @throws AppError BAD_CONFIG naming what is missing */
export function enrollment(config: Config): Pick<EnrollOptions, 'clock' | 'endpoint' | 'token' | 'ca'> {
  const { endpoint, token } = config;
  if (endpoint === undefined || token === undefined) {
    const missing = [endpoint === undefined ? 'url' : '', token === undefined ? 'token' : ''].filter(Boolean);
    throw new AppError(
      'BAD_CONFIG',
      `this machine is not enrolled yet, which needs ${missing.join(' and ')}; see rollcall-agent --help`,
    );
  }
  return { clock: systemClock, endpoint, token, ca: readAuthorities(config.caFile) };
}

/** What is told about this machine when it enrols. */
export function enrollFacts({ hostName, machineId, agentVersion, os }: MachineFacts) {
  return { hostName, machineId, agentVersion, platform: os.platform };
}
