/** Finds what a store refuses in a batch, so that everything else is written. */

/** What became of some items that were sent together. */
export type Attempt =
  /** `refusedCount` of them are not stored, and the store did not say which. */
  | { readonly kind: 'written'; readonly refusedCount?: number; readonly text?: string }
  /** The store does not take them as they are; alone, some of them may be fine. */
  | { readonly kind: 'poison'; readonly text: string }
  | { readonly kind: 'retry'; readonly error: string; readonly retryAfterMs: number | null }
  | { readonly kind: 'blocked'; readonly error: string };

export interface Refused<Item> {
  /** Undefined when the store only told how many. */
  readonly item: Item | undefined;
  readonly text: string;
  readonly count: number;
}

export type Bisected<Item> =
  | { readonly kind: 'written'; readonly refused: readonly Refused<Item>[] }
  | Extract<Attempt, { readonly kind: 'retry' | 'blocked' }>;

/**
 * Sends all items. When the store refuses them, sends halves of them, down to single ones, which are put aside. At most
 * twice as many requests as items.
 * @returns the first attempt that must be repeated, or that an operator must act on, ends it
 */
export async function writeBisecting<Item>(
  items: readonly Item[],
  attempt: (part: readonly Item[]) => Promise<Attempt>,
): Promise<Bisected<Item>> {
  const refused: Refused<Item>[] = [];
  const waiting: (readonly Item[])[] = items.length === 0 ? [] : [items];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const outcome = await attempt(part);
    switch (outcome.kind) {
      case 'written':
        if (outcome.refusedCount !== undefined && outcome.refusedCount > 0) {
          refused.push({ item: undefined, text: outcome.text ?? '', count: outcome.refusedCount });
        }
        break;
      case 'poison': {
        const [only] = part;
        if (part.length === 1) refused.push({ item: only, text: outcome.text, count: 1 });
        else {
          const middle = part.length >> 1;
          waiting.push(part.slice(middle), part.slice(0, middle));
        }
        break;
      }
      case 'retry':
      case 'blocked':
        return outcome;
    }
  }
  return { kind: 'written', refused };
}
