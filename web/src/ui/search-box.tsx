import { useEffect, useRef } from 'preact/hooks';

interface SearchBoxProps {
  /** What it searches, for those who hear it. */
  readonly label: string;
  readonly text: string;
  readonly onText: (text: string) => void;
}

/** The box with which a page searches hosts; the key `/` leads to it. At most one on a page. */
export function SearchBox({ label, text, onText }: SearchBoxProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target))
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <label class="search">
      <span class="sr-only">{label}</span>
      <input
        ref={input}
        type="search"
        placeholder="Search hosts"
        autocomplete="off"
        spellcheck={false}
        aria-keyshortcuts="/"
        value={text}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:input|textarea|select)$/i.test(target.tagName))
  );
}
