/**
 * Hosts that are reached through another one: a gateway, a hypervisor, a switch with an agent. While that one is not
 * seen nothing is told of those behind it, and for a grace after its return neither: they need a moment to come back.
 */
import * as z from 'zod';
import type { HostPresence, HostsPort } from '../ports.ts';
import { matcherList, span } from '../routing/fields.ts';
import { compile, type LabelValues } from '../routing/matchers.ts';
import type { Judge, Suppression, Suppressor } from '../routing/suppression.ts';
import type { Target } from '../routing/target.ts';

const GRACE_MS_DEFAULT = 120_000;

const dependencyConfigSchema = z
  .strictObject({
    /** The hosts behind the parent, by their labels; `host` is a host's name. */
    match: matcherList.min(1, 'must have at least one matcher'),
    /** Name of the host that they are reached through. */
    parent: z.string({ error: 'must be the name of a host' }).min(1, 'must be the name of a host').max(255),
    grace: span({ minMs: 0, maxMs: 3_600_000 }).default(GRACE_MS_DEFAULT),
  })
  .readonly();
export type DependencyConfig = z.output<typeof dependencyConfigSchema>;

const DEPENDENCIES_MAX = 500;

/** The list of dependencies. */
export const dependenciesSchema = z
  .array(dependencyConfigSchema, { error: 'must be a list of dependencies' })
  .max(DEPENDENCIES_MAX, `must have at most ${DEPENDENCIES_MAX} entries`);

/** Parents of parents are asked too, so far. */
const DEPTH_MAX = 8;

/** A parent in one of these may be gone; whoever is behind it is not told of before that is known. */
const ABSENT: ReadonlySet<HostPresence['state']> = new Set(['suspect', 'down', 'planned']);

export class Dependencies implements Suppressor {
  readonly #dependencies: readonly (DependencyConfig & { readonly fits: (labels: LabelValues) => boolean })[];
  readonly #hosts: HostsPort;

  constructor(dependencies: readonly DependencyConfig[], hosts: HostsPort) {
    this.#dependencies = dependencies.map((config) => ({ ...config, fits: compile(config.match) }));
    this.#hosts = hosts;
  }

  at(nowMs: number): Judge {
    if (this.#dependencies.length === 0) return { suppressionsOf: () => [] };
    let byName: ReadonlyMap<string, HostPresence> | undefined;
    const hostOf = (name: string): HostPresence | undefined => {
      byName ??= new Map(this.#hosts.list().map((host) => [host.name, host]));
      return byName.get(name);
    };
    return {
      suppressionsOf: ({ hostName, labels }: Target) =>
        hostName === null ? [] : this.#absentParent({ path: [hostName], labels, nowMs, hostOf }),
    };
  }

  /**
   * The first parent, or parent of a parent, that is not there.
   * @param child `path` leads from the host in question to this one, so that a ring is not followed for ever
   */
  #absentParent(child: {
    readonly path: readonly string[];
    readonly labels: LabelValues;
    readonly nowMs: number;
    readonly hostOf: (name: string) => HostPresence | undefined;
  }): readonly Suppression[] {
    const { path, labels, nowMs, hostOf } = child;
    if (path.length > DEPTH_MAX) return [];
    for (const { parent, grace, fits } of this.#dependencies) {
      if (path.includes(parent) || !fits(labels)) continue;
      const host = hostOf(parent);
      const reason = host === undefined ? undefined : absence(host, { graceMs: grace, nowMs });
      if (reason !== undefined) return [{ kind: 'dependency', id: parent, reason }];
      // Of a parent only its name and id are known here.
      const labelsOfParent = { instance: parent, host: parent, host_id: host?.id ?? '' };
      const above = this.#absentParent({ ...child, path: [...path, parent], labels: labelsOfParent });
      if (above.length > 0) return above;
    }
    return [];
  }
}

/** Why nothing is told of hosts behind `host`; undefined when it is there. */
function absence(
  { name, state, sinceMs }: HostPresence,
  { graceMs, nowMs }: { readonly graceMs: number; readonly nowMs: number },
): string | undefined {
  if (ABSENT.has(state)) return `reached through ${name}, which is ${state}`;
  const backMs = nowMs - sinceMs;
  return state === 'up' && backMs >= 0 && backMs < graceMs
    ? `reached through ${name}, which has just come back`
    : undefined;
}
