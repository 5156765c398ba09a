/** `absent` and `absent_over_time`: a series of ones where there is nothing else. */
import { METRIC_NAME, Labels } from '../../storage/labels.ts';
import { unwrapParens } from '../ast.ts';
import type { Expr } from '../ast.ts';
import type { Column } from '../columns.ts';

/** One column, present where `isThere` is 0, or none at all. Its labels are those that `argument` asks for. */
export function absence(argument: Expr, isThere: Uint8Array): readonly Column[] {
  const present = isThere.map((flag) => (flag === 1 ? 0 : 1));
  if (!present.includes(1)) return [];
  const values = new Float64Array(present.length).fill(1);
  return [{ labels: labelsAskedFor(argument), values, present, isNameMarked: false }];
}

/** Labels of equality matchers that occur once, when the argument is a plain selector. */
function labelsAskedFor(argument: Expr): Labels {
  const bare = unwrapParens(argument);
  const selector = bare.kind === 'range' ? bare.selector : bare;
  if (selector.kind !== 'selector') return Labels.empty;
  const { matchers } = selector;
  const isOnlyOne = (name: string): boolean =>
    matchers.filter((matcher) => matcher.name === name).length === 1;
  return Labels.from(
    matchers
      .filter(({ name, operator }) => operator === '=' && name !== METRIC_NAME && isOnlyOne(name))
      .map(({ name, value }) => [name, value] as const),
  );
}
