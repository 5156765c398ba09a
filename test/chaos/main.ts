/**
 * `npm run chaos`: hurts real agents and collectors on this machine and lets the oracle judge.
 *
 *   --minutes N   goes round the scenarios for so long                 default: each of them once
 *   --only F3     only scenarios of these rows, separated by commas; ALERTS is the one about alerts, SEALING the one
 *                 about blocks (15 kills in about 40 s), DEFAULTS the one about what is promised with the settings as
 *                 they are delivered, which takes seven minutes
 *   --seed S      of the random moments
 *   --transitions 1000, --kills 15   of ALERTS; 60 and 2 are a short form
 *   --agents 1000                    of DEFAULTS
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Random } from '../simulation/random.ts';
import { ALERTS, AlertStage } from './alerts/alerts.ts';
import { DEFAULTS, DefaultsStage } from './defaults.ts';
import { leftOverNamespaces } from './namespace.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { SEALING, SealingStage } from './sealing/sealing.ts';
import { Stage } from './stage.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    only: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    transitions: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '15' },
    agents: { type: 'string', default: '1000' },
  },
});

const rows = values.only?.split(',');
const chosen = SCENARIOS.filter(({ row }) => rows === undefined || rows.includes(row));
const random = new Random(Number(values.seed), 'chaos');
const untilMs = values.minutes === undefined ? 0 : Date.now() + Number(values.minutes) * 60_000;
const sums = { runs: 0, skipped: 0, failed: 0, ticks: 0, declared: 0, lost: 0, doubled: 0 };

let current: { close(): Promise<void> } | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Nothing is left over when a person loses patience.
  process.once(signal, () => void (current?.close() ?? Promise.resolve()).finally(() => process.exit(1)));
}

console.log(`seed ${values.seed}`);
do {
  for (const scenario of chosen) await play(scenario);
  if (rows === undefined || rows.includes(ALERTS)) await playAlerts();
  if (rows === undefined || rows.includes(SEALING)) await playSealing();
  if (rows === undefined || rows.includes(DEFAULTS)) await playDefaults();
} while (Date.now() < untilMs);

const { runs, skipped, failed, ticks, declared, lost, doubled } = sums;
console.log(
  `${runs} scenarios, ${skipped} skipped, ${failed} failed; ${ticks} ticks, ${declared} declared lost`,
);
console.log(`lost ${lost}, doubled ${doubled}`);
process.exitCode = failed === 0 ? 0 : 1;

async function play(scenario: Scenario): Promise<void> {
  const title = `${scenario.row.padEnd(4)} ${scenario.name}`;
  const obstacle = scenario.obstacle?.();
  if (obstacle !== undefined) {
    sums.skipped++;
    console.log(`skipped ${title}: ${obstacle}`);
    return;
  }
  const startedMs = Date.now();
  const stage = await Stage.open({ hasOwnNetwork: scenario.hasOwnNetwork ?? false });
  current = stage;
  const problems: string[] = [];
  try {
    scenario.prepare?.(stage);
    await stage.startAll(scenario.agents);
    await scenario.run(stage, random.next);
    await stage.settled();
    const verdict = await stage.finish();
    problems.push(...verdict.lost, ...verdict.doubled, ...verdict.wrong);
    sums.ticks += verdict.ticks;
    sums.declared += verdict.declared;
    sums.lost += verdict.lost.length;
    sums.doubled += verdict.doubled.length;
    const { ticks: stored, declared: gaps, witnessed } = verdict;
    console.log(
      `${problems.length === 0 ? 'passed ' : 'FAILED '} ${title}: ${stored} ticks, ${gaps} declared lost, ` +
        `${witnessed} records of killed spools, ${((Date.now() - startedMs) / 1_000).toFixed(0)} s`,
    );
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    console.log(`FAILED  ${title}`);
  } finally {
    await stage.close();
  }
  const mounts = readFileSync('/proc/mounts', 'utf8');
  if (mounts.includes(stage.folder)) problems.push('a mount was left over');
  const { namespace } = stage;
  if (namespace !== undefined && leftOverNamespaces().some((line) => line.includes(namespace.name)))
    problems.push('a network namespace was left over');
  for (const problem of problems.slice(0, 10)) console.log(`          ${problem}`);
  sums.runs++;
  if (problems.length > 0) sums.failed++;
}

/** Plays one of the long scenarios, which know themselves what is wrong. */
async function playLong<Outcome>(
  title: string,
  stage: { play(): Promise<Outcome>; close(): Promise<void> },
  judge: (outcome: Outcome) => { readonly problems: readonly string[]; readonly figures: object },
): Promise<void> {
  const startedMs = Date.now();
  current = stage;
  let problems: readonly string[] = [];
  let figures: object = {};
  try {
    ({ problems, figures } = judge(await stage.play()));
  } catch (error) {
    problems = [error instanceof Error ? error.message : String(error)];
  } finally {
    await stage.close();
  }
  const seconds = ((Date.now() - startedMs) / 1_000).toFixed(0);
  console.log(`${problems.length === 0 ? 'passed ' : 'FAILED '} ${title}: ${seconds} s`);
  console.table([figures]);
  for (const problem of problems.slice(0, 10)) console.log(`          ${problem}`);
  sums.runs++;
  if (problems.length > 0) sums.failed++;
}

function playAlerts(): Promise<void> {
  const size = { transitions: Number(values.transitions), kills: Number(values.kills) };
  const title = `${ALERTS} the collector is killed while alerts come and go and receivers misbehave`;
  return playLong(title, new AlertStage({ ...size, seed: nextSeed() }), ({ verdict, ...figures }) => {
    const { ends, repeats, ...faults } = verdict;
    return { problems: counted(faults), figures: { ...figures, ...ends, repeats } };
  });
}

function playSealing(): Promise<void> {
  const title = `${SEALING} a process is killed while it seals and merges`;
  const stage = new SealingStage({ kills: Number(values.kills), seed: nextSeed() });
  return playLong(title, stage, ({ lost, doubled, wrong, blocks, ...figures }) => ({
    problems: counted({ lost, doubled, wrong }),
    figures: { ...figures, ...blocks },
  }));
}

function playDefaults(): Promise<void> {
  const title = `${DEFAULTS} who is told of what, with the settings as they are delivered`;
  return playLong(title, new DefaultsStage(Number(values.agents)), ({ problems, toldMs }) => ({
    problems,
    figures: { 'told after ms': toldMs },
  }));
}

function nextSeed(): number {
  return Number(values.seed) + sums.runs;
}

/** Adds to the sums, and gives all as one list. */
function counted(faults: {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly wrong: readonly string[];
}): readonly string[] {
  sums.lost += faults.lost.length;
  sums.doubled += faults.doubled.length;
  return [...faults.lost, ...faults.doubled, ...faults.wrong];
}
