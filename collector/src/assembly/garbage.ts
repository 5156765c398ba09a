/** How much garbage the engine may let wait, in all threads; docs/decisions/0107. */
import { setFlagsFromString } from 'node:v8';
import type { Hosts } from '../fleet/hosts.ts';

const GROWTH_SWITCH = '--heap-growing-percent';

/** By how much a heap and its typed arrays may grow before the engine collects. Its own choice is up to 90 %. */
const GROWTH_PERCENT = 30;

/** With fewer hosts heaps are small, and looking at them more often would give little memory back. */
export const LARGE_FLEET_HOSTS = 2_000;

export interface GarbageOptions {
  readonly hosts: Pick<Hosts, 'count' | 'onChange'>;
  /** Parameters of the engine; what they say of the growth of heaps stays. */
  readonly given: readonly string[];
  /** Gives the engine a switch; `setFlagsFromString`, but in tests. */
  readonly setFlag?: (this: void, flag: string) => void;
}

/** Bounds garbage once the fleet is large, and then for good. Returns the way to end looking. */
export function boundGarbage({ hosts, given, setFlag = setFlagsFromString }: GarbageOptions): () => void {
  // The engine takes both spellings.
  if (given.some((text) => text.replaceAll('_', '-').startsWith(GROWTH_SWITCH))) return () => undefined;
  let isBound = false;
  const look = (): void => {
    if (isBound || hosts.count < LARGE_FLEET_HOSTS) return;
    isBound = true;
    setFlag(`${GROWTH_SWITCH}=${GROWTH_PERCENT}`);
  };
  look();
  return hosts.onChange(look);
}
