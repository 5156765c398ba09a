/** A block of readings as the store works with it, whoever wrote it. */
import type { ValuesBlock } from '@rollcall/shared/protocol/samples.ts';
import type { Schema } from '@rollcall/shared/protocol/schema.ts';

/** What stands at a series in a block. */
export const STATE = { ABSENT: 0, PRESENT: 1, STALE: 2 } as const;

/**
 * Codes in the error list of the collector's own blocks for what the format of samples cannot hold. Agents' codes
 * (SAMPLE_ERROR) are all below 100.
 */
const OWN_CODE = { STALE: 128, NAN: 129, POSITIVE_INFINITY: 130, NEGATIVE_INFINITY: 131 } as const;

const OWN_VALUES: Readonly<Record<number, number>> = {
  [OWN_CODE.STALE]: Number.NaN,
  [OWN_CODE.NAN]: Number.NaN,
  [OWN_CODE.POSITIVE_INFINITY]: Number.POSITIVE_INFINITY,
  [OWN_CODE.NEGATIVE_INFINITY]: Number.NEGATIVE_INFINITY,
};

export interface Block {
  readonly schema: Schema;
  /** Time of the reading. */
  readonly timeMs: number;
  /** Position of its record in the journal. */
  readonly pos: number;
  readonly values: Float64Array;
  /** STATE per series; undefined when all are present. */
  readonly states: Uint8Array | undefined;
}

/** The code of a value that the format of samples cannot hold, undefined for every other value. */
export function ownCode(value: number, isStale: boolean): number | undefined {
  if (isStale) return OWN_CODE.STALE;
  if (Number.isNaN(value)) return OWN_CODE.NAN;
  if (value === Number.POSITIVE_INFINITY) return OWN_CODE.POSITIVE_INFINITY;
  if (value === Number.NEGATIVE_INFINITY) return OWN_CODE.NEGATIVE_INFINITY;
  return undefined;
}

/**
 * The block of a record at `recordMs`. Shares the arrays of `block`, which nobody changes.
 * @param isOwn whether the collector wrote it
 */
export function toBlock(
  block: ValuesBlock,
  record: { readonly timeMs: number; readonly pos: number },
  isOwn: boolean,
): Block {
  const { schema, offsetMs, errors } = block;
  const base = { schema, timeMs: record.timeMs + offsetMs, pos: record.pos };
  if (!isOwn || errors.length === 0) return { ...base, values: block.values, states: block.present };
  const values = block.values.slice();
  const states = block.present?.slice() ?? new Uint8Array(values.length).fill(STATE.PRESENT);
  for (const { index, code } of errors) {
    const value = OWN_VALUES[code];
    if (value === undefined) continue;
    values[index] = value;
    states[index] = code === OWN_CODE.STALE ? STATE.STALE : STATE.PRESENT;
  }
  return { ...base, values, states };
}

/** Memory that a block takes, about: its arrays and what the engine keeps around them. */
export function blockBytes({ values, states }: Block): number {
  return values.byteLength + (states?.byteLength ?? 0) + 320;
}
