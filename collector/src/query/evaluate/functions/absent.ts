/** `absent` and `absent_over_time`: a series of ones where there is nothing else. */
import { METRIC_NAME, Labels } from '../../../storage/labels.ts';
import { unwrapParens } from '../../parse/ast.ts';
import type { Expr } from '../../parse/ast.ts';
import type { Column } from '../columns.ts';

/** One column, present where `isThere` is 0, or none at all. Its labels are those that `argument` asks for. */
export function absence(argument: Expr, isThere: Uint8Array): readonly Column[] {
  const present = isThere.map((flag) => (flag === 1 ? 0 : 1));
  if (!present.includes(1)) return [];
  const values = new Float64Array(present.length).fill(1);
  return [{ labels: labelsAskedFor(argument), values, present, isNameMarked: false }];
}

/**
 * The labels that a plain selector asks for: of each the first equality matcher, unless another matcher of the same
 * label stands behind it. The order counts, as in Prometheus: `{a!="1",a="2"}` has a label `a`, the reverse has none.
 */
function labelsAskedFor(argument: Expr): Labels {
  const bare = unwrapParens(argument);
  const selector = bare.kind === 'range' ? bare.selector : bare;
  if (selector.kind !== 'selector') return Labels.empty;
  const values = new Map<string, string>();
  const taken = new Set<string>([METRIC_NAME]);
  for (const { name, operator, value } of selector.matchers) {
    if (operator !== '=' || taken.has(name)) {
      values.delete(name);
      continue;
    }
    taken.add(name);
    values.set(name, value);
  }
  return Labels.from([...values]);
}
