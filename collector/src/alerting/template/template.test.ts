import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { CASE_LABELS, shorten, TEMPLATE_CASES } from './testing/cases.ts';
import type { TemplateSample } from './functions.ts';
import { compileExpansion, compileTemplate } from './template.ts';

const labels = Labels.of({ instance: 'web-1', mountpoint: '/var' });
const sinceMs = Date.UTC(2026, 0, 2, 3, 4, 5);

function render(text: string, value: number | null = 0.91234): string {
  return compileTemplate(text)({ labels, value, sinceMs }, 200);
}

const QUERIES: Readonly<Record<string, readonly TemplateSample[]>> = {
  v: [{ labels: Object.entries({ ...CASE_LABELS, __name__: 'v' }), value: 12.5 }],
  'v * 2': [{ labels: Object.entries(CASE_LABELS), value: 25 }],
  w: [
    { labels: [['n', 'b']], value: 1 },
    { labels: [['n', 'a']], value: 2 },
  ],
  'w{n="a"}': [{ labels: [['n', 'a']], value: 2 }],
  missing: [],
};

describe('compileExpansion', () => {
  it.each(TEMPLATE_CASES)('renders $template with $value', ({ template, value = '12.5', expected }) => {
    const text = compileExpansion(template)({
      labels: Labels.of({ ...CASE_LABELS, __name__: 'v' }).entries(),
      value: value === 'Inf' ? Infinity : Number(value),
      sinceMs: null,
      externalLabels: Labels.of({ region: 'eu' }),
      externalUrl: 'http://monitor.example.org',
      query: (expression) => QUERIES[expression] ?? [],
    });
    expect(shorten(text)).toBe(expected);
  });

  it.each([
    ['{{ $lables.instance }}', /undefined variable "\$lables"/],
    ['{{ }}', /a value is missing/],
    ['{{ constructor }}', /function "constructor" not defined/],
    ['{{ $labels. }}', /unexpected|only a function/],
    ['{{ $value', /not closed with }}/],
    ['{{ if true }}', /without \{\{ end }}/],
    ['{{ end }}', /unexpected \{\{ end }}/],
    ['{{ if }}x{{ end }}', /a value is missing/],
    ['{{ (1 }}', /parenthesis is not closed/],
    ['{{ 1 | 2 }}', /only a function can stand behind/],
    ['{{ $labels "x" }}', /only a function takes arguments/],
    ['{{ "\\q" }}', /wrong escape/],
    ['{{ break }}', /outside of a range/],
    ['{{ define "a" }}{{ $value }}{{ end }}', /undefined variable/],
    ['{{ if true }}'.repeat(60), /nested deeper/],
    [`{{ ${'('.repeat(60)} }}`, /nested deeper/],
    ['x'.repeat(70_000) + '{{ $value }}', /70012 characters long/],
  ])('refuses %s when the rule loads', (text, reason) => {
    expect(() => compileExpansion(text)).toThrow(reason);
  });

  it('ends what would not end, and says so', () => {
    const run = (text: string): string => compileExpansion(text)({ labels: [], value: 1, sinceMs: null });
    expect(run('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}')).toMatch(
      /maximum template depth/,
    );
    const grown = '{{ $x := "xxxxxxxxxxxxxxxx" }}' + '{{ $x = printf "%s%s" $x $x }}'.repeat(16) + '{{ $x }}';
    expect(run(grown)).toMatch(/longer than 262144/);
    expect(run('{{ query "up" }}')).toMatch(/no queries/);
  });
});

describe('compileTemplate', () => {
  it.each([
    ['plain text', 'plain text'],
    ['', ''],
    ['{{ $value | humanizePercentage }}', '91.23%'],
    ['{{ $since }}', '2026-01-02 03:04:05 UTC'],
    ['{ $value }', '{ $value }'],
  ])('renders %j as %j', (text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it('prints that there is no value', () => {
    expect(render('{{ $value }}', null)).toBe('no value');
  });

  it('removes control characters of hostile labels and keeps within the length', () => {
    const hostile = Labels.of({ instance: `a\n\u202e${'x'.repeat(1000)}` });
    const text = compileTemplate('{{ $labels.instance }} down')(
      { labels: hostile, value: null, sinceMs },
      50,
    );
    expect(text).toBe(`a${'x'.repeat(49)}`);
    expect(
      compileTemplate('{{ $labels.instance }} down')({ labels: hostile, value: null, sinceMs }, 999),
    ).toBe(`a${'x'.repeat(199)} down`);
  });
});
