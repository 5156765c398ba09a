/**
 * Whether every word of what was searched for stands in `haystack`, in any case and order; without words it does.
 * @param text as it was typed
 */
export function isFound(text: string, haystack: string): boolean {
  const found = haystack.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => found.includes(word));
}
