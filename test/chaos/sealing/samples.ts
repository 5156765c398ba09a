/** What the hosts of the scenario measure: each value tells the number of its record. */
import { gaugeSchema } from '../../../collector/src/journal/testing/lane-writer.ts';

export const HOSTS = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)] as const;
export const EPOCH = 'e'.repeat(16);
export const SERIES = ['counted', 'halved'] as const;
export const SCHEMA = gaugeSchema('cpu', { counted: [], halved: [] });
/** Two hours pass in a second. */
export const TIME_RATIO = 7_200;
const STEP_MS = 30_000;
/** Samples begin so long before the origin, so that there is a day to merge soon. */
const HISTORY_MS = 1.5 * 86_400_000;

/** Time of the record of a number, UTC milliseconds; a little off the step, which is not the same everywhere. */
export function timeOf(originMs: number, seq: number): number {
  return originMs - HISTORY_MS + seq * STEP_MS + ((seq * 7) % 1_000);
}

export function valuesOf(seq: number): readonly [counted: number, halved: number] {
  return [seq, seq / 2 + 0.1];
}
