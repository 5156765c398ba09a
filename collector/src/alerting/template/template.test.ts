import { describe, expect, it } from 'vitest';
import { Labels } from '../../storage/labels.ts';
import { compileTemplate } from './template.ts';

const labels = Labels.of({ instance: 'web-1', mountpoint: '/var' });
const sinceMs = Date.UTC(2026, 0, 2, 3, 4, 5);

function render(text: string, value: number | null = 0.91234): string {
  return compileTemplate(text)({ labels, value, sinceMs }, 200);
}

describe('compileTemplate', () => {
  it.each([
    ['plain text', 'plain text'],
    ['', ''],
    ['{{ $labels.mountpoint }} on {{$labels.instance}}', '/var on web-1'],
    ['{{ $labels.missing }}!', '!'],
    ['{{ $value }}', '0.91234'],
    ['{{ $value | humanizePercentage }}', '91.23%'],
    ['{{ $since }}', '2026-01-02 03:04:05 UTC'],
    ['{ $value }', '{ $value }'],
    ['{{ $value', '{{ $value'],
  ])('renders %j as %j', (text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it.each([
    [1023, '1023'],
    [1024, '1ki'],
    [5 * 2 ** 30, '5Gi'],
    [-2048, '-2ki'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [null, 'no value'],
  ])('humanizes %s as %s', (value, expected) => {
    expect(render('{{ $value | humanize1024 }}', value)).toBe(expected);
  });

  it.each(['{{ $lables.instance }}', '{{ }}', '{{ $labels.a.b }}', '{{ constructor }}', '{{ $labels. }}'])(
    'refuses %s when the rule loads',
    (text) => {
      expect(() => compileTemplate(text)).toThrow(/is unknown, allowed are/);
    },
  );

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
