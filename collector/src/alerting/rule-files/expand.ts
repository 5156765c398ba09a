/** Fills in texts that may contain queries. Templates run without waiting; what they ask is looked up between runs. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Labels } from '../../storage/labels.ts';
import type { TemplateSample } from '../template/functions.ts';
import type { ExpansionContext } from '../template/template.ts';
import type { RuleText } from './rule-file.ts';

/**
 * Evaluates PromQL at the time of a rule.
 * @throws AppError of the query engine
 */
export type QueryPort = (
  expression: string,
) => Promise<readonly { readonly labels: Labels; readonly value: number }[]>;

/** Queries that the texts of one alert may make. */
const QUERIES_MAX = 20;

class UnknownAnswer extends Error {
  readonly expression: string;
  constructor(expression: string) {
    super(`the result of ${expression} is not known yet`);
    this.expression = expression;
  }
}

/**
 * Name and text of each, in their order.
 * @throws AppError QUERY_LIMIT when they ask too often, and whatever a query throws
 */
export async function expandWithQueries(
  texts: readonly RuleText[],
  context: Omit<ExpansionContext, 'query'>,
  query: QueryPort,
): Promise<readonly (readonly [string, string])[]> {
  const answers = new Map<string, readonly TemplateSample[]>();
  const lookUp = (expression: string): readonly TemplateSample[] => {
    const answer = answers.get(expression);
    if (answer === undefined) throw new UnknownAnswer(expression);
    return answer;
  };
  for (;;) {
    try {
      return texts.map(({ name, expand }) => [name, expand({ ...context, query: lookUp })] as const);
    } catch (error) {
      if (!(error instanceof UnknownAnswer)) throw error;
      if (answers.size >= QUERIES_MAX) {
        throw new AppError('QUERY_LIMIT', `the texts of an alert make more than ${QUERIES_MAX} queries`);
      }
      const samples = await query(error.expression);
      answers.set(
        error.expression,
        samples.map(({ labels, value }) => ({ labels: [...labels.entries()], value })),
      );
    }
  }
}
