/** Numbers of panels that stay when panels are added, moved or taken away. */

const ID_MAX = 2 ** 24;
/** FNV-1a. Source: draft-eastlake-fnv, 32 bits. */
const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** A number from 1 on that follows from the titles that lead to a panel; two paths hardly ever have the same. */
export function panelId(...titles: readonly string[]): number {
  let hash = OFFSET_BASIS;
  for (const byte of new TextEncoder().encode(titles.join('\n'))) hash = Math.imul(hash ^ byte, PRIME) >>> 0;
  return (hash % ID_MAX) + 1;
}
