/** What all parts of the page share: the API, time, the theme, and the few values that several parts show. */
import { computed, signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { IncidentsAnswer, StatusAnswer } from '../../collector/src/api/types.ts';
import type { Api, Fleet } from './api/client.ts';
import { Poll } from './api/poll.ts';
import type { PageClock } from './clock.ts';
import type { ThemeChoice } from './ui/theme.ts';

/** How often lists are asked for again. */
export const REFRESH_MS = 5_000;
/** The most open incidents that the page loads. */
export const OPEN_INCIDENTS_MAX = 500;

export interface Page {
  readonly api: Api;
  readonly clock: PageClock;
  /** The tab is in the background, so nothing is asked and nothing ticks. */
  readonly isHidden: ReadonlySignal<boolean>;
  /** The collector's clock as far as known, UTC milliseconds; moves once a second while the tab is shown. */
  readonly nowMs: ReadonlySignal<number>;
  readonly theme: ThemeChoice;
  readonly status: Poll<StatusAnswer>;
  readonly fleet: Poll<Fleet>;
  readonly openIncidents: Poll<IncidentsAnswer>;
  /** The newest change of state in words, for people who hear the page. */
  readonly announcement: ReadonlySignal<string>;
  readonly announce: (words: string) => void;
  /** An access token that has proved good for changes; in memory only, so it goes with the tab. */
  readonly writeToken: Signal<string | null>;
}

export interface PagePorts {
  readonly api: Api;
  readonly clock: PageClock;
  readonly isHidden: ReadonlySignal<boolean>;
  /** The browser's clock, moving once a second while the tab is shown. */
  readonly browserNowMs: ReadonlySignal<number>;
  readonly theme: ThemeChoice;
}

/** Builds the shared values; nothing is asked before a component runs a poll. */
export function createPage({ api, clock, isHidden, browserNowMs, theme }: PagePorts): Page {
  const poll = <T>(load: ConstructorParameters<typeof Poll<T>>[0]['load']): Poll<T> =>
    new Poll<T>({ clock, isHidden, intervalMs: REFRESH_MS, load });
  const status = poll((abort) => api.status(abort));
  const announcement = signal('');
  return {
    api,
    clock,
    isHidden,
    theme,
    status,
    fleet: poll((abort) => api.fleet(abort)),
    openIncidents: poll((abort) => api.incidents({ status: 'open', limit: OPEN_INCIDENTS_MAX }, abort)),
    nowMs: computed(() => browserNowMs.value + clockOffsetMs(status)),
    announcement,
    announce: (words) => {
      announcement.value = words;
    },
    writeToken: signal<string | null>(null),
  };
}

export const PageContext = createContext<Page | null>(null);

/** The shared values; only below the provider that `main.tsx` puts around everything. */
export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === null) throw new Error('read the page context: no provider above this component');
  return page;
}

// Times in answers are the collector's; spans against the browser's clock would be wrong by the difference.
function clockOffsetMs(status: Poll<StatusAnswer>): number {
  const answer = status.value.value;
  const receivedMs = status.updatedMs.value;
  return answer === null || receivedMs === null ? 0 : answer.nowMs - receivedMs;
}
