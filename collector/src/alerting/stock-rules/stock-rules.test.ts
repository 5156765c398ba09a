import { METRICS } from '@rollcall/shared/catalogue/metrics.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { FakeDisk } from '@rollcall/shared/testing/fake-disk.ts';
import { describe, expect, it } from 'vitest';
import { childrenOf, type Expr, type SelectorNode } from '../../query/parse/ast.ts';
import { parseQuery } from '../../query/parse/parse.ts';
import type { FileRule } from '../rule-files/rule-file.ts';
import { severityOf } from '../rules/severity.ts';
import { readStockRules } from './stock-rules.ts';

const RULES: readonly FileRule[] = readStockRules(nodeDisk).flatMap(({ groups }) =>
  groups.flatMap(({ rules }) => rules),
);
const ALERTS = RULES.filter((rule) => rule.kind === 'alerting');
/** Labels that every series of a host has, and those of the series that rules make. */
const COMMON_LABELS = new Set(['instance', 'job', 'alertname', 'alertstate', 'level', 'severity']);

function selectorsOf(expr: Expr): readonly SelectorNode[] {
  return expr.kind === 'selector' ? [expr] : childrenOf(expr).flatMap(selectorsOf);
}

function sourceOf(texts: FileRule['labels'], name: string): string {
  return texts.find((text) => text.name === name)?.source ?? '';
}

describe('the stock rules', () => {
  it('are many, and each has a name of its own for each level', () => {
    expect(ALERTS.length).toBeGreaterThan(60);
    const names = ALERTS.map(({ name, labels }) => `${name} ${sourceOf(labels, 'level')}`);
    expect(new Set(names).size).toBe(names.length);
    const recorded = RULES.filter(({ kind }) => kind === 'recording').map(({ name }) => name);
    expect(new Set(recorded).size).toBe(recorded.length);
  });

  it.each(ALERTS)('$name at line $line says how bad it is and what to do', ({ labels, annotations }) => {
    expect(['warn', 'crit']).toContain(sourceOf(labels, 'level'));
    const severity = sourceOf(labels, 'severity');
    expect(severity).toBe(severityOf(severity));
    expect(sourceOf(annotations, 'summary')).not.toBe('');
    expect(sourceOf(annotations, 'description').length).toBeGreaterThan(20);
  });

  it('read nothing but metrics of the catalogue, with labels that these have, and what they record', () => {
    const recorded = new Set(RULES.filter(({ kind }) => kind === 'recording').map(({ name }) => name));
    const labelsOf = new Map<string, readonly string[]>(
      Object.entries(METRICS).map(([name, { labels }]) => [name, labels]),
    );
    const wrong = RULES.flatMap(({ name, expr }) =>
      selectorsOf(parseQuery(expr)).flatMap((selector) => {
        if (selector.name === 'ALERTS' || recorded.has(selector.name)) return [];
        const labels = labelsOf.get(selector.name);
        if (labels === undefined) return [`${name} reads ${selector.name}`];
        return selector.matchers
          .filter((matcher) => !COMMON_LABELS.has(matcher.name) && !labels.includes(matcher.name))
          .map((matcher) => `${name} wants ${matcher.name} of ${selector.name}`);
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('name the levels that stand in their expressions', () => {
    const numbersIn = (expr: Expr): readonly number[] =>
      expr.kind === 'number' ? [expr.value] : childrenOf(expr).flatMap(numbersIn);
    const wrong = ALERTS.flatMap(({ name, expr, annotations }) => {
      const numbers = numbersIn(parseQuery(expr));
      return ['threshold', 'recovery']
        .map((kind) => sourceOf(annotations, kind))
        .filter((text) => text !== '' && !numbers.includes(Number(text)))
        .map((text) => `${name} ${text}`);
    });
    expect(wrong).toEqual([]);
  });

  it('are missed when an installation has lost them', () => {
    expect(() => readStockRules(new FakeDisk())).toThrow('stock rules: their files are missing');
  });
});
