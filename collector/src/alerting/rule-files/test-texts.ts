/** Unit tests of rules that came as texts and not as files, for a collector that has other things to do meanwhile. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { badFile, readRuleFile } from './rule-file.ts';
import { runUnitTests, type TestStore, type UnitTestFailure } from './unit-test.ts';
import { readUnitTestFile, type RuleTest } from './unit-test-file.ts';

/** Evaluations of single rules that the tests of one request may take. */
const EVALUATIONS_MAX = 50_000;

export interface TestTexts {
  readonly rules: string;
  /** In promtool's format; the files that it names are not read, `rules` stands for all of them. */
  readonly tests: string;
}

/**
 * Runs the tests; what they did not give as they should is the result.
 * @param newStore an empty store; called once per test
 * @throws AppError RULES_FAILED with every problem of the texts and its line, LIMIT_EXCEEDED, QUERY_CANCELED
 */
export async function testTexts(
  texts: TestTexts,
  newStore: () => TestStore,
  signal: AbortSignal,
): Promise<readonly UnitTestFailure[]> {
  const rules = readRuleFile(texts.rules);
  const tests = readUnitTestFile(texts.tests);
  if (rules.problems.length > 0) throw new AppError('RULES_FAILED', badFile('rules', rules.problems).message);
  if (tests.problems.length > 0) throw new AppError('RULES_FAILED', badFile('tests', tests.problems).message);
  const ruleCount = rules.groups.reduce((sum, group) => sum + group.rules.length, 0);
  const { evaluationIntervalMs } = tests.file;
  const steps = tests.file.tests.reduce((sum, test) => sum + spanMsOf(test) / evaluationIntervalMs + 1, 0);
  // A duration of 0 gives no number of steps that is any.
  if (!(steps * Math.max(1, ruleCount) <= EVALUATIONS_MAX)) {
    const advice = 'take a longer evaluation_interval, or run them with rollcall-collector rules test';
    throw new AppError(
      'LIMIT_EXCEEDED',
      `tests take more than ${EVALUATIONS_MAX} evaluations of a rule: ${advice}`,
    );
  }
  return runUnitTests({
    file: tests.file,
    groups: rules.groups,
    newStore: () => inTurns(newStore(), signal),
  });
}

function spanMsOf({ alertExpectations, expressionExpectations }: RuleTest): number {
  return Math.max(
    0,
    ...[...alertExpectations, ...expressionExpectations].map(({ evalTimeMs }) => evalTimeMs),
  );
}

/** Lets everything else go on between two evaluations. */
function inTurns({ append, engine }: TestStore, signal: AbortSignal): TestStore {
  return {
    append,
    engine: {
      ...engine,
      async instant(...parameters) {
        await nextTurn();
        if (signal.aborted)
          throw new AppError('QUERY_CANCELED', 'the client left before its tests were finished');
        return engine.instant(...parameters);
      },
    },
  };
}
