import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesText, counted, formatTable, spanText } from './terminal.ts';

const plain = (_colour: string, text: string): string => text;

describe('formatTable', () => {
  it('puts cells below each other and goes on below the last one', () => {
    const rows = [
      { cells: ['ok', 'cpu'], text: '20 series' },
      { cells: ['not readable', 'edac'], text: `open /sys/devices/system/edac ${'because '.repeat(12)}end` },
    ];
    expect(formatTable(rows, plain)).toBe(
      'ok            cpu   20 series\n' +
        'not readable  edac  open /sys/devices/system/edac because because because\n' +
        '                    because because because because because because because\n' +
        '                    because because end\n',
    );
  });

  it('colours the first cell only', () => {
    const paint = (colour: string, text: string): string => `<${colour}>${text}</>`;
    expect(formatTable([{ cells: ['ok', 'a'], text: 'b', colour: 'green' }], paint)).toBe(
      '<green>ok</>  a  b\n',
    );
  });

  it('stays within 80 columns and loses nothing, whatever the text', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 200 });
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join(' ');
        const output = formatTable([{ cells: ['ok', 'name'], text }], plain);
        expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
        expect(output.replace(/\s/g, '')).toBe(`okname${text}`.replace(/\s/g, ''));
      }),
    );
  });
});

it('says spans, sizes and numbers as people do', () => {
  expect([400, 90_000, 180_000, 10_800_000, 777_600_000, -5].map(spanText)).toEqual([
    '0 s',
    '90 s',
    '3 min',
    '3 h',
    '9 d',
    '0 s',
  ]);
  expect([0, 1_023, 1_536, 5 * 1024 ** 3].map(bytesText)).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 GiB']);
  expect([counted(1, 'record'), counted(0, 'record')]).toEqual(['1 record', '0 records']);
});
