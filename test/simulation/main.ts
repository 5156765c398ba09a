/**
 * `npm run simulate`: runs seeds of the simulation, or its mutants.
 *
 *   --seeds N     how many, the seeds that failed once first           default 500
 *   --from S      the first seed                                       default 1
 *   --seed S      only this one, with the story of what happened when it fails
 *   --story       with --seed: the story also of one that passes
 *   --faults A,B  every other seed has these faults and no others, as for the mutants that need them
 *   --jobs N      processes side by side                               default one per core
 *   --mutants     each mutant in at most --seeds (default 200) seeds
 *   --part 2/6    with --mutants: the second of six parts of the list
 *   --mutant NAME one mutant; exit code 0 when it is caught
 *   --control     with --mutant: the same seeds with the product as it is, which must not be caught
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FAILED_SEEDS } from './failed-seeds.ts';
import { missingMarks, SEEDS_FOR_ALL_MARKS } from './marks.ts';
import { applyMutant } from './mutants/apply.ts';
import { MUTANTS } from './mutants/list.ts';
import { huntMutants } from './mutants/hunt.ts';
import { describeFailure, Summary, type SeedReport } from './report.ts';
import { runInProcesses } from './processes.ts';

const SEEDS = 500;
const SEEDS_PER_MUTANT = 200;
const STORY_LINES = 40;
const STORY_LINES_MAX = 400;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    story: { type: 'boolean', default: false },
    faults: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    mutants: { type: 'boolean', default: false },
    part: { type: 'string', default: '1/1' },
    mutant: { type: 'string' },
    control: { type: 'boolean', default: false },
    /** For the processes that we start: tell the parent, print nothing. */
    child: { type: 'boolean', default: false },
  },
});

const jobs = Math.max(1, Number(values.jobs));
if (values.child) await runAsChild();
else if (values.mutants) await huntAll();
else if (values.mutant !== undefined) await huntOne(values.mutant);
else if (values.seed !== undefined) await runOne(Number(values.seed));
else await runAll();

async function runAsChild(): Promise<void> {
  const [from, count] = [Number(values.from), Number(values.seeds)];
  await here(
    range(from, count),
    (report) => process.send?.(report),
    () => false,
  );
  process.disconnect();
}

async function runAll(): Promise<void> {
  const started = performance.now();
  const summary = new Summary();
  const tell = (report: SeedReport): void => {
    summary.add(report);
    if (report.violation !== undefined) console.log(describeFailure(report, STORY_LINES));
  };
  const count = Number(values.seeds ?? SEEDS);
  const known = FAILED_SEEDS.map(({ seed }) => seed);
  if (known.length > 0) await here(known, tell, () => false);
  if (jobs === 1) await here(range(Number(values.from), count), tell, () => false);
  else await runInProcesses({ from: Number(values.from), count, jobs, tell });
  printMarks(summary);
  const seconds = (performance.now() - started) / 1_000;
  console.log(`${(summary.seeds / seconds).toFixed(0)} seeds a second in ${jobs} processes`);
  for (const line of summary.lines()) console.log(line);
  const missing = summary.seeds < SEEDS_FOR_ALL_MARKS ? [] : missingMarks(summary.marks);
  for (const name of missing) console.log(`never met: ${name}`);
  process.exitCode = summary.failed.length + missing.length === 0 ? 0 : 1;
}

async function runOne(seed: number): Promise<void> {
  await here(
    [seed],
    (report) => {
      if (values.story && report.violation === undefined) console.log(report.story.join('\n'));
      const failure = report.violation && describeFailure(report, STORY_LINES_MAX);
      console.log(failure ?? `seed ${seed} passes`);
      process.exitCode = report.violation === undefined ? 0 : 1;
    },
    () => false,
  );
}

async function huntAll(): Promise<void> {
  const started = performance.now();
  const [part, parts] = partOf(values.part);
  const mutants = MUTANTS.filter((_mutant, index) => index % parts === part - 1);
  const seeds = Number(values.seeds ?? SEEDS_PER_MUTANT);
  const caught = await huntMutants({ mutants, jobs, seeds });
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  const which = parts === 1 ? '' : ` (part ${part} of ${parts}; ${MUTANTS.length} in all)`;
  console.log(`mutants caught ${caught} of ${mutants.length}${which} in ${seconds} s`);
  process.exitCode = caught === mutants.length ? 0 : 1;
}

/** Of `2/6`: the second of six. */
function partOf(text: string): readonly [part: number, parts: number] {
  const [part = 0, parts = 0] = /^(\d+)\/(\d+)$/.exec(text)?.slice(1).map(Number) ?? [];
  if (part < 1 || part > parts) throw new Error(`--part ${text}: expected one like 2/6, from 1/6 to 6/6`);
  return [part, parts];
}

async function huntOne(name: string): Promise<void> {
  const mutant = MUTANTS.find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`no mutant is called "${name}"`);
  if (!values.control) applyMutant(mutant);
  process.exitCode = 1;
  await here(
    range(Number(values.from), Number(values.seeds ?? SEEDS_PER_MUTANT)),
    (report) => {
      if (report.violation === undefined) return;
      console.log(`caught by seed ${report.seed}: ${report.violation.check}: ${report.violation.detail}`);
      process.exitCode = 0;
    },
    (report) => report.violation !== undefined,
  );
}

/** The product is imported late, so that a mutant can be put into it before. */
async function here(
  seeds: Iterable<number>,
  tell: (report: SeedReport) => void,
  isEnough: (report: SeedReport) => boolean,
): Promise<void> {
  const { runSeeds } = await import('./run.ts');
  const { FAULTS } = await import('./plan.ts');
  const wanted = values.faults?.split(',') ?? MUTANTS.find(({ name }) => name === values.mutant)?.emphasis;
  const worldOfMutant = values.mutant?.startsWith('alerts: ') === true ? 'alerts' : 'delivery';
  const world = values.mutant === undefined ? 'both' : worldOfMutant;
  const emphasis = FAULTS.filter((fault) => wanted?.includes(fault));
  await runSeeds({ seeds, tell, isEnough, isStoryWanted: values.story, emphasis, world });
}

function* range(from: number, count: number): Generator<number> {
  for (let seed = from; seed < from + count; seed++) yield seed;
}

function printMarks({ marks }: Summary): void {
  const names = [...marks.keys()].sort((left, right) => left.localeCompare(right));
  for (const name of names) console.log(`${String(marks.get(name)).padStart(8)} × ${name}`);
}
