/** People, schedules and the overrides that were made since the start, looked up by name. */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Target } from '../escalation/policy.ts';
import type { OnCallConfig, Person } from './config.ts';
import type { OverrideRows, StoredOverride } from './override-rows.ts';
import { onCallAt, shiftsBetween, type Override, type Schedule, type Shift } from './schedule.ts';

/** Whom a step reaches at a moment. */
export interface Reached {
  /** Names of receivers, each once. */
  readonly receivers: readonly string[];
  /** In words, for the timeline: `anna (primary)`, `nobody is on call in primary`. */
  readonly names: readonly string[];
}

export class OnCall {
  readonly config: OnCallConfig;
  /** Receivers that escalation alone speaks to. */
  readonly receivers: ReadonlySet<string>;
  readonly #overrides: OverrideRows;
  readonly #people: ReadonlyMap<string, Person>;
  readonly #schedules: ReadonlyMap<string, Schedule>;

  constructor(config: OnCallConfig, overrides: OverrideRows) {
    this.config = config;
    this.#overrides = overrides;
    this.#people = new Map(config.people.map((person) => [person.name, person]));
    this.#schedules = new Map(config.schedules.map((schedule) => [schedule.name, schedule]));
    this.receivers = new Set([
      ...config.people.flatMap(({ receivers }) => receivers),
      ...config.policies.flatMap(({ steps }) =>
        steps.flatMap(({ targets }) =>
          targets.flatMap(({ kind, name }) => (kind === 'receiver' ? [name] : [])),
        ),
      ),
    ]);
  }

  /**
   * A schedule with the overrides that people made.
   * @throws AppError NOT_FOUND
   */
  schedule(name: string): Schedule {
    const schedule = this.#schedules.get(name);
    if (schedule === undefined) {
      throw new AppError('NOT_FOUND', `there is no on-call schedule "${cleanText(name, 64)}"`);
    }
    return { ...schedule, overrides: [...schedule.overrides, ...this.#overrides.of(name)] };
  }

  /** @throws AppError NOT_FOUND */
  personAt(schedule: string, timeMs: number): string | null {
    return onCallAt(this.schedule(schedule), timeMs);
  }

  /** @throws AppError NOT_FOUND */
  shifts(schedule: string, fromMs: number, toMs: number): readonly Shift[] {
    return shiftsBetween(this.schedule(schedule), fromMs, toMs);
  }

  /** The overrides that people made while the collector ran, oldest first. */
  overrides(schedule: string): readonly StoredOverride[] {
    return this.#overrides.of(this.schedule(schedule).name);
  }

  /** @throws AppError NOT_FOUND, LIMIT_EXCEEDED */
  addOverride(
    schedule: string,
    override: Override & { readonly author: string },
    nowMs: number,
  ): StoredOverride {
    return this.#overrides.add(this.schedule(schedule).name, override, nowMs);
  }

  /** @throws AppError NOT_FOUND */
  removeOverride(schedule: string, id: string): void {
    if (this.#overrides.remove(this.schedule(schedule).name, id)) return;
    throw new AppError('NOT_FOUND', `schedule "${schedule}" has no override ${cleanText(id, 64)}`);
  }

  /** Forgets overrides that ended before `beforeMs`; returns how many. */
  prune(beforeMs: number): number {
    return this.#overrides.prune(beforeMs);
  }

  /** Whether there is such a person. */
  hasPerson(name: string): boolean {
    return this.#people.has(name);
  }

  /** The person to whom a receiver belongs; `null` when it is nobody's, or several people's. */
  ownerOf(receiver: string): string | null {
    const owners = this.config.people.filter(({ receivers }) => receivers.includes(receiver));
    return owners.length === 1 ? (owners[0]?.name ?? null) : null;
  }

  /** Whom `targets` reach at a moment. */
  reach(targets: readonly Target[], timeMs: number): Reached {
    const receivers = new Set<string>();
    const names: string[] = [];
    for (const { kind, name } of targets) {
      if (kind === 'receiver') {
        receivers.add(name);
        names.push(name);
        continue;
      }
      const person = kind === 'person' ? name : this.personAt(name, timeMs);
      if (person === null) {
        names.push(`nobody is on call in ${name}`);
        continue;
      }
      names.push(kind === 'person' ? person : `${person} (${name})`);
      for (const receiver of this.#people.get(person)?.receivers ?? []) receivers.add(receiver);
    }
    return { receivers: [...receivers], names };
  }
}
