/**
 * Asks our engine and Prometheus the same random questions about the same samples, and says where they differ. The
 * samples stand off the step grid, where the windows of Prometheus 2 and 3 agree; test/promqltest/queries.ts says
 * which questions are left out and why.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { createQueryEngine, type QueryEngine } from '../collector/src/query/query.ts';
import type { QueryValue } from '../collector/src/query/results.ts';
import { compareAnswers } from '../test/promqltest/compare.ts';
import { Conditioning, storeOf } from '../test/promqltest/conditioning.ts';
import { createDataset, randomNumbers, toOpenMetrics } from '../test/promqltest/dataset.ts';
import { HAND_WRITTEN } from '../test/promqltest/hand-written.ts';
import { QUERY_END_MS, QUERY_START_MS, queryGenerator } from '../test/promqltest/queries.ts';
import { startPrometheus, type ReferenceAnswer } from '../test/promqltest/reference.ts';

const HELP = `npm run bench -- differential [--count 5000] [--seed N] [--tolerance 1e-9]

  --count      random expressions, besides the hand-written ones
  --seed       of the expressions; another one each time unless given
  --tolerance  relative difference of two values that is let pass
`;
const DATA_SEED = 42;
const TIMES = { startMs: QUERY_START_MS, endMs: QUERY_END_MS, stepMs: 30_000 };
const PROGRESS_EVERY = 1_000;

export async function differential(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      count: { type: 'string', default: '5000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
      tolerance: { type: 'string', default: '1e-9' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const seed = Number(values.seed);
  const nextQuery = queryGenerator(randomNumbers(seed));
  const queries = [...HAND_WRITTEN, ...Array.from({ length: Number(values.count) }, () => nextQuery())];

  using folder = tempDir();
  const dataset = createDataset(randomNumbers(DATA_SEED));
  const engine = createQueryEngine({ storage: await storeOf(dataset), clock: systemClock });
  const conditioning = await Conditioning.of(dataset, randomNumbers(DATA_SEED));
  const prometheus = await startPrometheus(folder.path, toOpenMetrics(dataset));
  const tally = { run: 0, withData: 0, refused: 0, stepwise: 0, illPosed: 0, different: 0 };
  try {
    for (const query of queries) {
      const ours = await answerOf(engine, query);
      let theirs = await prometheus.queryRange(query, TIMES);
      if (isTakingTurns(theirs, ours)) {
        tally.stepwise++;
        theirs = await prometheus.queryEachStep(query, TIMES);
      }
      let difference = compareAnswers(theirs, ours, Number(values.tolerance));
      if (difference !== undefined && (await conditioning.explains(query, TIMES, theirs))) {
        tally.illPosed++;
        process.stdout.write(`ill-posed: ${query}\n  ${difference.text}\n`);
        difference = undefined;
      }
      tally.run++;
      if (theirs.status === 'error') tally.refused++;
      else if (theirs.data.result.length > 0) tally.withData++;
      if (difference !== undefined) {
        tally.different++;
        process.stdout.write(`${query}\n  ${difference.text} (relative ${difference.relative})\n`);
      }
      if (tally.run % PROGRESS_EVERY === 0) process.stderr.write(`${tally.run} of ${queries.length}\n`);
    }
  } finally {
    await prometheus.stop();
  }
  process.stdout.write(
    `${tally.run} expressions (${HAND_WRITTEN.length} hand-written), ${tally.withData} with data, ` +
      `${tally.refused} refused by both or one, ${tally.stepwise} compared step by step, ` +
      `${tally.illPosed} ill-posed, ${tally.different} differences, seed ${seed}\n`,
  );
}

/**
 * Prometheus 2 refuses series that become equal without their names even when they never have a value at the same time;
 * the newest Prometheus 3 and we join them, as each of its own instant queries does. Then those are the reference.
 */
function isTakingTurns(theirs: ReferenceAnswer, ours: QueryValue | AppError): boolean {
  return theirs.status === 'error' && theirs.error.includes('same labelset') && !(ours instanceof AppError);
}

function answerOf(engine: QueryEngine, query: string): Promise<QueryValue | AppError> {
  return engine.range(query, TIMES, new AbortController().signal).then(
    ({ value }) => value,
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );
}
