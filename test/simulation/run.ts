/** Runs seeds one after another in this process. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAlerts, type AlertOutcome } from './alerts.ts';
import { planOf, type Fault, type Plan } from './plan.ts';
import type { SeedReport } from './report.ts';
import { prepare, runWorld } from './world.ts';

/** Every so many seeds also live through the world of alerts, which takes longer than the other one. */
const SEEDS_PER_ALERTS = 10;
/** The databases of a world live in memory where the system has such a folder. */
const SHARED_MEMORY = '/dev/shm';

/**
 * Runs the seeds in order and tells of each.
 * @param options.isEnough stops early when it says so after a seed
 */
export async function runSeeds(options: {
  readonly seeds: Iterable<number>;
  readonly tell: (report: SeedReport) => void;
  readonly isEnough: (report: SeedReport) => boolean;
  /** Also of a run that passes. */
  readonly isStoryWanted: boolean;
  /** Faults that a mutant needs, see `planOf`. */
  readonly emphasis: readonly Fault[];
  /** A mutant is met in the world of what it changes. */
  readonly world: 'delivery' | 'alerts' | 'both';
}): Promise<void> {
  const folder = mkdtempSync(
    join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'rollcall-simulation-'),
  );
  const { world } = options;
  try {
    prepare(folder);
    for (const seed of options.seeds) {
      const delivery =
        world === 'alerts'
          ? emptyReport(seed)
          : await runSeed(planOf(seed, options.emphasis), folder, options.isStoryWanted);
      const isTurn = world === 'alerts' || (world === 'both' && seed % SEEDS_PER_ALERTS === 0);
      const report = isTurn ? withAlerts(delivery, await runAlerts(seed)) : delivery;
      options.tell(report);
      if (options.isEnough(report)) return;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runSeed(plan: Plan, folder: string, isStoryWanted: boolean): Promise<SeedReport> {
  const { violation, marks, verdict, virtualMs, log } = await runWorld(plan, folder);
  return {
    seed: plan.seed,
    violation,
    marks: Object.fromEntries(marks),
    counts: verdict && {
      ticks: verdict.ticks,
      stored: verdict.stored,
      declared: verdict.declared,
      rejected: verdict.rejected,
      excused: verdict.excused,
    },
    virtualMs,
    // A long story only for whoever has to read it.
    story: violation === undefined && !isStoryWanted ? [] : [describePlan(plan), ...log],
  };
}

function emptyReport(seed: number): SeedReport {
  return { seed, violation: undefined, marks: {}, counts: undefined, virtualMs: 0, story: [] };
}

function withAlerts(report: SeedReport, { violation, marks }: AlertOutcome): SeedReport {
  return {
    ...report,
    violation: report.violation ?? violation,
    marks: { ...report.marks, ...Object.fromEntries(marks) },
  };
}

function describePlan({ agents, intervalMs, safetyMs, faults, spool }: Plan): string {
  const size = `${agents} agents every ${intervalMs / 1_000} s for ${Math.round(safetyMs / 1_000)} s`;
  return `${size}, spool ${JSON.stringify(spool)}, faults: ${[...faults].join(', ') || 'none'}`;
}
