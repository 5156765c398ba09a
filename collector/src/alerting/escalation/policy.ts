/** How the circle of those who are told grows while nobody acknowledges. Pure. */

export interface Target {
  readonly kind: 'schedule' | 'person' | 'receiver';
  readonly name: string;
}

export interface Step {
  /** How long after the step before it, for the first one after the incident opened, in milliseconds. */
  readonly afterMs: number;
  /** At least one. */
  readonly targets: readonly Target[];
}

export interface Policy {
  readonly name: string;
  /** At least one. */
  readonly steps: readonly Step[];
  /** How often the steps begin again after the last one. */
  readonly repeat: number;
  /** How long after the last step they do, in milliseconds. */
  readonly repeatAfterMs: number;
}

/** The step that is next. */
export interface Position {
  /** 0, 1, … */
  readonly round: number;
  /** 0, 1, … */
  readonly step: number;
}

export const BEGINNING: Position = { round: 0, step: 0 };

/** The position after `at`; `null` when everybody has been told as often as the policy wants. */
export function following({ steps, repeat }: Policy, { round, step }: Position): Position | null {
  if (step + 1 < steps.length) return { round, step: step + 1 };
  return round < repeat ? { round: round + 1, step: 0 } : null;
}

/** How long `at` waits after what was before it, in milliseconds. */
export function waitMs({ steps, repeatAfterMs }: Policy, { round, step }: Position): number {
  const afterMs = steps[step]?.afterMs ?? 0;
  return step === 0 && round > 0 ? afterMs + repeatAfterMs : afterMs;
}
