/** Warns of quantiles that are none. */
import type { Span } from '../parse/ast.ts';
import type { Evaluation } from './evaluation.ts';
import { formatGeneral } from '../encode/format.ts';

/** Writing a warning takes about as long as touching so many values. */
const WARNING_WORK = 100;

/** Warns of each quantile outside 0 to 1, one per step; of equal ones behind each other once. */
export async function warnOfQuantiles(phis: Float64Array, place: Span, ev: Evaluation): Promise<void> {
  let warnedOf: number | undefined;
  for (const phi of phis) {
    const isNew = !(phi >= 0 && phi <= 1) && !Object.is(phi, warnedOf);
    if (isNew) {
      ev.notes.warn(place, () => `quantile value should be between 0 and 1, got ${formatGeneral(phi)}`);
      warnedOf = phi;
    }
    if (ev.pacer.spend(isNew ? WARNING_WORK : 1)) await ev.pacer.pause();
  }
}
