/** Rules as the evaluator takes them: checked, with their texts compiled. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compileTemplate, type Template } from '../template/template.ts';
import type { Rule } from './rule.ts';

export interface LoadedRule<R extends Rule = Rule> {
  readonly rule: R;
  readonly title: Template;
  readonly description: Template;
}

/** @throws AppError BAD_CONFIG when a text is malformed or two rules have one name */
export function loadRules(rules: readonly Rule[]): readonly LoadedRule[] {
  const ids = new Set<string>();
  return rules.map((rule) => {
    const { id } = rule;
    if (ids.has(id)) throw new AppError('BAD_CONFIG', `rules: the name "${id}" is used twice`);
    ids.add(id);
    return {
      rule,
      title: compileTemplate(rule.title),
      description: compileTemplate(rule.description),
    };
  });
}
