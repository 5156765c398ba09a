/** Changes of state between two refreshes, in words. Pure. */
import type { HostState, HostSummary } from '../../../../collector/src/api/types.ts';
import { HOST_STATES } from '../../api/answers.ts';
import { clip, formatCount } from '../../format.ts';

/** More changes than this are told as numbers. */
const NAMED_CHANGES_MAX = 3;
const NAME_LENGTH_MAX = 60;

/** `web-1 is down, was up.`, `12 hosts changed: 10 down, 2 up.`, or `null` when no known host changed its state. */
export function describeChanges(
  before: ReadonlyMap<string, HostState>,
  hosts: readonly HostSummary[],
): string | null {
  const changed = hosts.filter((host) => {
    const old = before.get(host.id);
    return old !== undefined && old !== host.state;
  });
  if (changed.length === 0) return null;
  if (changed.length <= NAMED_CHANGES_MAX) {
    return changed
      .map(
        (host) =>
          `${clip(host.name, NAME_LENGTH_MAX)} is ${host.state}, was ${before.get(host.id) ?? 'unknown'}.`,
      )
      .join(' ');
  }
  const counts = HOST_STATES.map(
    (state) => [changed.filter((host) => host.state === state).length, state] as const,
  )
    .filter(([count]) => count > 0)
    .map(([count, state]) => `${formatCount(count)} ${state}`);
  return `${formatCount(changed.length)} hosts changed: ${counts.join(', ')}.`;
}
