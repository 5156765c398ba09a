import { usePage } from '../page.ts';
import { THEMES } from './theme.ts';
import type { Theme } from './theme.ts';

const LABELS: Readonly<Record<Theme, string>> = { system: 'System', light: 'Light', dark: 'Dark' };

/** Three buttons, one of them pressed: follow the system, light, dark. */
export function ThemeToggle() {
  const { theme } = usePage();
  return (
    <div class="segments" role="group" aria-label="Colour theme">
      {THEMES.map((choice) => (
        <button
          key={choice}
          type="button"
          class="segment"
          aria-pressed={theme.theme.value === choice}
          onClick={() => theme.choose(choice)}
        >
          {LABELS[choice]}
        </button>
      ))}
    </div>
  );
}
