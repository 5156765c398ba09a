/** `rollcall-collector storage refused`: the newest samples that stores did not take, and why. */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { Cursors } from '../feed/cursors.ts';
import { table, timeText } from './output.ts';
import { withKnownState } from './state.ts';

/** Characters of labels, and of what a store said, in a line of the table; the JSON has all that was kept. */
const SHOWN_LENGTH = 120;

/**
 * Newest first; each store keeps its newest thousand.
 * @param store only of this one; of all when undefined
 * @throws AppError DATA_DIR_UNUSABLE
 */
export function listRefused(dataDir: string, store: string | undefined, isJson: boolean): string {
  const letters = withKnownState(dataDir, (state) => new Cursors(state, '').deadLetters(store));
  if (isJson) return `${JSON.stringify(letters)}\n`;
  if (letters.length === 0)
    return `${store === undefined ? 'no store' : `no store called ${store}`} refused anything\n`;
  const rows = letters.map((letter) => [
    timeText(letter.notedMs),
    letter.store,
    letter.reason,
    String(letter.samples),
    cleanText(letter.labels, SHOWN_LENGTH),
    cleanText(letter.text, SHOWN_LENGTH),
  ]);
  return table(['NOTED', 'STORE', 'REASON', 'SAMPLES', 'LABELS', 'WHAT THE STORE SAID'], rows);
}
