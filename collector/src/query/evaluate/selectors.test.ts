import { expect, it } from 'vitest';
import type { MatcherNode } from '../parse/ast.ts';
import { matchersOf } from './selectors.ts';

const matcher = (operator: MatcherNode['operator']): MatcherNode => ({ name: 'a', operator, value: 'x' });

it.each(['=', '!='] as const)('makes the matchers of a selector with %s once', (operator) => {
  const selector = { name: 'm', matchers: [matcher(operator)] };
  const made = matchersOf(selector);
  expect(made.map(({ name, operator: by, value }) => [name, by, value])).toStrictEqual([
    ['__name__', '=', 'm'],
    ['a', operator, 'x'],
  ]);
  expect(matchersOf(selector)).toBe(made);
  expect(matchersOf({ ...selector })).not.toBe(made);
});

it.each(['=~', '!~'] as const)('keeps no patterns of a selector with %s', (operator) => {
  const selector = { name: 'm', matchers: [matcher(operator)] };
  expect(matchersOf(selector)).not.toBe(matchersOf(selector));
});
