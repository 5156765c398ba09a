/** Which of light and dark the reader chose; the choice stays in this browser. */
import { signal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface ThemeChoice {
  readonly theme: ReadonlySignal<Theme>;
  choose(theme: Theme): void;
}

const STORAGE_KEY = 'rollcall.theme';

/**
 * Reads the stored choice and applies it to `root` as `data-theme`. Storage that is closed to us (a browser setting)
 * only costs the memory of the choice.
 */
export function createThemeChoice(ports: {
  /** A function, because a browser that closes its storage to us throws when it is named. */
  readonly storage: () => Pick<Storage, 'getItem' | 'setItem'>;
  readonly root: Pick<HTMLElement, 'dataset'>;
}): ThemeChoice {
  const theme = signal<Theme>(stored(ports.storage));
  ports.root.dataset['theme'] = theme.value;
  return {
    theme,
    choose(choice) {
      theme.value = choice;
      ports.root.dataset['theme'] = choice;
      store(ports.storage, choice);
    },
  };
}

function stored(storage: () => Pick<Storage, 'getItem'>): Theme {
  try {
    const word = storage().getItem(STORAGE_KEY);
    return THEMES.find((theme) => theme === word) ?? 'system';
  } catch {
    return 'system';
  }
}

function store(storage: () => Pick<Storage, 'setItem'>, theme: Theme): void {
  try {
    storage().setItem(STORAGE_KEY, theme);
  } catch {
    // The choice holds until the page is closed.
  }
}
