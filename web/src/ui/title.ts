import { useEffect } from 'preact/hooks';
import { clip } from '../format.ts';

const TITLE_LENGTH_MAX = 80;

/** Sets the title of the document for as long as the component is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${clip(title, TITLE_LENGTH_MAX)} · Rollcall`;
  }, [title]);
}
