/** docs/protocol.md says what the code does: numbers, names and the example in hex. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readGolden } from '../testing/golden.ts';
import { MESSAGE } from './frame.ts';
import { GAP_REASON_NAMES } from './gap.ts';
import { LIMITS } from './limits.ts';
import { CLOSE_CODE } from './messages.ts';
import { RECORD_KIND } from './record.ts';
import { SAMPLE_ERROR } from './samples.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');

/** The first cells of the table rows in a section, without code marks. */
function rowsOf(section: string, cellCount: number): string[] {
  const text = PAGE.split(/^## /m).find((part) => part.startsWith(section)) ?? '';
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .replaceAll('`', '')
        .split('|')
        .slice(1, 1 + cellCount),
    )
    .map((cells) => cells.map((cell) => cell.trim()).join(' | '));
}

/** A limit as people read it; the unit is in its name. */
function shown(name: string, value: number): string {
  if (name.endsWith('Ms')) return value % 86_400_000 === 0 ? `${value / 86_400_000} d` : `${value / 1_000} s`;
  if (!name.endsWith('Bytes')) return value.toLocaleString('en');
  if (value % 2 ** 20 === 0) return `${value / 2 ** 20} MiB`;
  return value % 2 ** 10 === 0 ? `${value / 2 ** 10} KiB` : `${value} bytes`;
}

describe('docs/protocol.md', () => {
  it('has all limits with their values, and no others', () => {
    const expected = Object.entries(LIMITS).map(([name, value]) => `${name} | ${shown(name, value)}`);
    expect(rowsOf('8. Limits', 2).slice(2)).toEqual(expected);
  });

  it('has all types of messages, sent by whom they say', () => {
    const expected = Object.entries(MESSAGE).map(([name, type]) => {
      const from = type < 0x40 ? 'agent' : 'collector';
      return `0x${type.toString(16).padStart(2, '0')} | ${name} | ${from}`;
    });
    expect(rowsOf('1. Transport', 3).filter((row) => row.startsWith('0x'))).toEqual(expected);
  });

  it('has all close codes', () => {
    const expected = Object.entries(CLOSE_CODE).map(([name, code]) => `${code} | ${name}`);
    expect(rowsOf('7. Close codes', 2).slice(2)).toEqual(expected);
  });

  it('has all kinds of records, and all reasons', () => {
    const kinds = Object.entries(RECORD_KIND).map(([name, kind]) => `${kind} | ${name.toLowerCase()}`);
    expect(rowsOf('4. Records', 2)).toEqual(expect.arrayContaining(kinds));
    const text = PAGE.replaceAll(/\s+/g, ' ');
    const reasons = Object.entries(GAP_REASON_NAMES).map(
      ([code, name]) => `${code} ${name.replaceAll('_', ' ')}`,
    );
    expect(text).toContain(`gap: ${reasons.join(', ')}.`);
    const errors = Object.entries(SAMPLE_ERROR).map(
      ([name, code]) => `${code} ${name.toLowerCase().replaceAll('_', ' ')}`,
    );
    expect(text).toContain(`reason: ${errors.join(', ')}.`);
  });

  it('shows the very bytes of the golden file', () => {
    const block = /## 5\. A record in hex[\s\S]*?```\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';
    // Bytes come first on each line; what they mean stands behind at least two spaces, or is the rest of the line.
    const hex = block
      .split('\n')
      .map((line) => /^\s*((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2,}|$)/.exec(line)?.[1] ?? '')
      .join('');
    expect(hex.replaceAll(' ', '')).toBe(readGolden(1).get('record-samples')?.toString('hex'));
  });
});
