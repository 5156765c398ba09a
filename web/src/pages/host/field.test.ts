import { expect, test } from 'vitest';
import {
  cellText,
  compareSections,
  isCell,
  nestedText,
  readableField,
  readableKey,
  sectionTitle,
} from './field.ts';

test.each([
  ['sizeBytes', 16_768_000_000, 'Size', '15.6 GiB'],
  ['size_bytes', 1024, 'Size', '1.0 KiB'],
  ['bytes', 1024, 'Bytes', '1.0 KiB'],
  ['speedMhz', 3200, 'Speed', '3,200 MHz'],
  ['installedMs', new Date(2026, 0, 2, 3, 4, 5).getTime(), 'Installed', '2026-01-02 03:04:05'],
  ['timeoutMs', 90_000, 'Timeout', '1 min'],
  ['linkSpeedBytesPerSecond', 125_000_000, 'Link speed', '125 MB/s'],
  ['serialNumber', 'X1', 'Serial number', 'X1'],
  ['biosVersion', '1.2', 'BIOS version', '1.2'],
  ['isRotational', false, 'Rotational', 'no'],
  ['year', 2026, 'Year', '2026'],
  ['rpms', 7200, 'Rpms', '7200'],
  ['vendor', '', 'Vendor', '–'],
  ['vendor', null, 'Vendor', '–'],
  // A unit in the name counts for numbers only.
  ['sizeBytes', 'big', 'Size bytes', 'big'],
] as const)('reads %s: %s as "%s: %s"', (key, value, label, text) => {
  expect(readableField(key, value)).toEqual({ label, text });
});

test('leaves foreign text in keys and values as it is', () => {
  expect(readableField('<img src=x>', '<b>"&amp;').text).toBe('<b>"&amp;');
  expect(readableKey('')).toBe('');
});

test('puts lists of plain values in one cell, and nothing else', () => {
  expect(isCell(['a', 1, null])).toBe(true);
  expect(cellText('addresses', ['10.0.0.1', 'fe80::1'])).toBe('10.0.0.1, fe80::1');
  expect(cellText('addresses', [])).toBe('–');
  expect(isCell([{ a: 1 }])).toBe(false);
  expect(isCell({ a: 1 })).toBe(false);
});

test('puts a small object of a table into words', () => {
  expect(nestedText('smart', { isHealthy: true, wearRatio: 0.03, inner: { a: 1 } })).toBe(
    'healthy yes, wear 3.0%, inner a 1',
  );
  expect(nestedText('smart', undefined)).toBe('–');
  expect(nestedText('designMicroWattHours', 50_450_000)).toBe('50.5 Wh');
});

test('orders known sections as people look for them, others after by name', () => {
  expect(['zebra', 'packages', 'cpu', 'apple', 'system'].sort(compareSections)).toEqual([
    'system',
    'cpu',
    'packages',
    'apple',
    'zebra',
  ]);
  expect([sectionTitle('nics'), sectionTitle('usbDevices'), sectionTitle('constructor')]).toEqual([
    'Network interfaces',
    'USB devices',
    'Constructor',
  ]);
});
