/** Numbers of 32 bits for texts, for tables in memory. Who chooses the texts can make them equal, so no table may trust them alone. */
const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 code units; source: draft-eastlake-fnv. @param from what came before gave */
export function fnv1a(text: string, from: number = OFFSET): number {
  let hash = from;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), PRIME);
  return hash;
}

/** The same over several texts; their lengths count, so that it matters where one ends. */
export function fnv1aOfTexts(texts: readonly string[]): number {
  let hash = OFFSET;
  for (const text of texts) hash = Math.imul(fnv1a(text, hash) ^ text.length, PRIME);
  return hash;
}
