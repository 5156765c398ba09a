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

/** A block of an agent: what it holds is asked of its source when somebody wants to know. */
class AgentBlock implements Block {
  readonly timeMs: number;
  readonly pos: number;
  readonly #source: ValuesBlock;

  constructor(source: ValuesBlock, record: { readonly timeMs: number; readonly pos: number }) {
    this.timeMs = record.timeMs + source.offsetMs;
    this.pos = record.pos;
    this.#source = source;
  }

  get schema(): Schema {
    return this.#source.schema;
  }

  get values(): Float64Array {
    return this.#source.values;
  }

  get states(): Uint8Array | undefined {
    return this.#source.present;
  }
}

/**
 * The block of a record. Shares the arrays of `block`, which nobody changes, and leaves it to it when they are decoded.
 * @param isOwn whether the collector wrote it
 */
export function toBlock(
  block: ValuesBlock,
  record: { readonly timeMs: number; readonly pos: number },
  isOwn: boolean,
): Block {
  if (!isOwn || block.errors.length === 0) return new AgentBlock(block, record);
  const { schema, offsetMs, errors } = block;
  const values = block.values.slice();
  const states = block.present?.slice() ?? new Uint8Array(values.length).fill(STATE.PRESENT);
  for (const { index, code } of errors) {
    const value = OWN_VALUES[code];
    if (value === undefined) continue;
    values[index] = value;
    states[index] = code === OWN_CODE.STALE ? STATE.STALE : STATE.PRESENT;
  }
  return { schema, timeMs: record.timeMs + offsetMs, pos: record.pos, values, states };
}
