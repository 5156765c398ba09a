import { expect, test } from 'vitest';
import { createThemeChoice } from './theme.ts';

const root = (): { readonly dataset: DOMStringMap } => ({ dataset: {} });

function storageWith(word: string | null) {
  let stored = word;
  return {
    getItem: () => stored,
    setItem: (_key: string, value: string) => {
      stored = value;
    },
  };
}

test('follows the system until a choice is made, and keeps the choice', () => {
  const storage = storageWith(null);
  const shown = root();
  const choice = createThemeChoice({ storage: () => storage, root: shown });
  expect([choice.theme.value, shown.dataset['theme']]).toEqual(['system', 'system']);
  choice.choose('dark');
  expect([choice.theme.value, shown.dataset['theme']]).toEqual(['dark', 'dark']);
  expect(createThemeChoice({ storage: () => storage, root: root() }).theme.value).toBe('dark');
});

test.each(['', 'black', 'DARK', '"><script>'])('follows the system for the stored word %j', (word) => {
  expect(createThemeChoice({ storage: () => storageWith(word), root: root() }).theme.value).toBe('system');
});

test('works without storage', () => {
  const storage = (): never => {
    throw new Error('denied');
  };
  const choice = createThemeChoice({ storage, root: root() });
  choice.choose('light');
  expect(choice.theme.value).toBe('light');
});
