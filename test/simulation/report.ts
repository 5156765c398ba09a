/** What a run tells, and how it is summed up and printed. */

export interface SeedReport {
  readonly seed: number;
  readonly violation: { readonly check: string; readonly detail: string } | undefined;
  readonly marks: Readonly<Record<string, number>>;
  /** Ticks by what became of them; undefined when the run did not get as far as the oracle. */
  readonly counts: Counts | undefined;
  readonly virtualMs: number;
  /** The plan and the last events of a run that failed. */
  readonly story: readonly string[];
}

interface Counts {
  readonly ticks: number;
  readonly stored: number;
  readonly declared: number;
  readonly rejected: number;
  readonly excused: number;
}

/** The sum of many reports. */
export class Summary {
  readonly marks = new Map<string, number>();
  readonly failed: SeedReport[] = [];
  seeds = 0;
  virtualMs = 0;
  #counts: Counts = { ticks: 0, stored: 0, declared: 0, rejected: 0, excused: 0 };

  add(report: SeedReport): void {
    this.seeds++;
    this.virtualMs += report.virtualMs;
    if (report.violation !== undefined) this.failed.push(report);
    for (const [name, times] of Object.entries(report.marks))
      this.marks.set(name, (this.marks.get(name) ?? 0) + times);
    const { counts } = report;
    if (counts === undefined) return;
    const before = this.#counts;
    this.#counts = {
      ticks: before.ticks + counts.ticks,
      stored: before.stored + counts.stored,
      declared: before.declared + counts.declared,
      rejected: before.rejected + counts.rejected,
      excused: before.excused + counts.excused,
    };
  }

  /** Seeds that broke one of the checks about losses, and about doubles. */
  lines(): string[] {
    const { ticks, stored, declared, rejected, excused } = this.#counts;
    const broke = (check: RegExp): number =>
      this.failed.filter(({ violation }) => check.test(violation?.check ?? '')).length;
    const hours = (this.virtualMs / 3_600_000).toFixed(0);
    const fates = `${stored} stored, ${declared} declared lost, ${rejected} rejected, ${excused} excused`;
    return [
      `${ticks} ticks in ${hours} virtual hours: ${fates}`,
      `seeds run ${this.seeds}, failed ${this.failed.length}, lost ${broke(/lost|arrives/)}, doubled ${broke(/twice/)}`,
    ];
  }
}

/** A failure for a person: what broke, what led to it, and how to see it again. */
export function describeFailure(report: SeedReport, lines: number): string {
  const { seed, violation, story } = report;
  const [plan = '', ...events] = story;
  return [
    `seed ${seed} failed: ${violation?.check}: ${violation?.detail}`,
    `  ${plan}`,
    ...events.slice(-lines).map((line) => `  ${line}`),
    `again: npm run simulate -- --seed ${seed}`,
  ].join('\n');
}
