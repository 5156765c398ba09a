/** What a person types to find hosts: words that must all be there, in any case and order. Pure. */

/** The words of what was typed, in small letters; none when nothing is searched for. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Whether every one of the words stands in `haystack`; without words it does. */
export function hasWords(words: readonly string[], haystack: string): boolean {
  const searched = haystack.toLowerCase();
  return words.every((word) => searched.includes(word));
}
