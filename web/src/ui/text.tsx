import { clip } from '../format.ts';

/** Foreign text in lists is cut to this; nothing a person would call a name is longer. */
export const NAME_LENGTH_MAX = 200;

/**
 * Text that came from a host. It is shown as text only, cut to `maxLength` UTF-16 units, and kept apart from its
 * surroundings so that right-to-left characters in it cannot reorder the rest of the line.
 */
export function Foreign({
  text,
  maxLength = NAME_LENGTH_MAX,
}: {
  readonly text: string;
  readonly maxLength?: number;
}) {
  return <bdi>{clip(text, maxLength)}</bdi>;
}
