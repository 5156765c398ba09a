import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { createApi } from './api/client.ts';
import { App } from './app.tsx';
import { browserClock } from './clock.ts';
import { PageContext, createPage } from './page.ts';
import { createThemeChoice } from './ui/theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/hosts.css';
import './styles/host-cards.css';
import './styles/first-host.css';
import './styles/host.css';
import './styles/availability.css';
import './styles/incidents.css';

const clock = browserClock;

const isHidden = signal(document.hidden);
document.addEventListener('visibilitychange', () => {
  isHidden.value = document.hidden;
});

const browserNowMs = signal(clock.nowMs());
const tick = (): (() => void) => {
  browserNowMs.value = clock.nowMs();
  return clock.after(1000, () => {
    cancelTick = tick();
  });
};
let cancelTick = (): void => undefined;
effect(() => {
  cancelTick();
  if (!isHidden.value) cancelTick = tick();
});

const page = createPage({
  api: createApi({ fetch: (input, init) => fetch(input, init), clock }),
  clock,
  isHidden,
  browserNowMs,
  theme: createThemeChoice({ storage: () => localStorage, root: document.documentElement }),
});

const root = document.getElementById('app');
if (root !== null) {
  render(
    <PageContext.Provider value={page}>
      <App />
    </PageContext.Provider>,
    root,
  );
}
