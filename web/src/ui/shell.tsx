import { useLocation } from 'preact-iso';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useRunning } from '../api/use-poll.ts';
import { formatCount, formatSpan, formatTimeOfDay, plural } from '../format.ts';
import { usePage } from '../page.ts';
import { Logo } from './logo.tsx';
import { ThemeToggle } from './theme-toggle.tsx';
import { SpanSince } from './time.tsx';
import { Foreign } from './text.tsx';

/** The frame around every page: header with the ways through, connection banner, content, footer, live region. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const page = usePage();
  useRunning(page.status);
  useRunning(page.openIncidents);
  const main = useMainFocus();
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header />
      <AwayBanner />
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      <Footer />
      <div class="sr-only" role="status" aria-live="polite">
        {page.announcement.value}
      </div>
    </>
  );
}

// After a change of page, reading and tabbing continue in the new content; the first page leaves the focus alone.
function useMainFocus() {
  const { path } = useLocation();
  const main = useRef<HTMLElement>(null);
  const shownPath = useRef(path);
  useEffect(() => {
    if (shownPath.current === path) return;
    shownPath.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}

function Header() {
  const { path } = useLocation();
  const { openIncidents } = usePage();
  const openCount = openIncidents.value.value?.incidents.length ?? 0;
  return (
    <header class="top">
      <a class="top-home" href="/" aria-label="rollcall, all hosts">
        <Logo />
      </a>
      <nav class="top-nav" aria-label="Pages">
        <a href="/" aria-current={path === '/' ? 'page' : undefined}>
          Hosts
        </a>
        <a href="/availability" aria-current={path === '/availability' ? 'page' : undefined}>
          Availability
        </a>
        <a href="/incidents" aria-current={path === '/incidents' ? 'page' : undefined}>
          Incidents
          {openCount === 0 ? null : (
            <span class="count">
              {formatCount(openCount)}
              <span class="sr-only"> open</span>
            </span>
          )}
        </a>
      </nav>
      <ThemeToggle />
    </header>
  );
}

/** Says that the collector is away, since when, and how old the shown figures are; goes by itself. */
function AwayBanner() {
  const { status, nowMs, clock, announce } = usePage();
  const isAway = status.failure.value?.kind === 'unreachable';
  const sinceMs = status.failingSinceMs.value;
  const updatedMs = status.updatedMs.value;
  const wasAway = useRef(false);
  useEffect(() => {
    if (isAway !== wasAway.current)
      announce(isAway ? 'The collector cannot be reached.' : 'The collector is back.');
    wasAway.current = isAway;
  }, [isAway]);
  if (!isAway || sinceMs === null) return null;
  void nowMs.value; // The span below is of the browser's clock; this makes it move.
  return (
    <section class="away" aria-label="Connection">
      <strong>The collector cannot be reached</strong>{' '}
      <span>
        since {formatTimeOfDay(sinceMs)} ({formatSpan(clock.nowMs() - sinceMs)}).{' '}
        {updatedMs === null ? null : `What you see is from ${formatTimeOfDay(updatedMs)}. `}
        Trying again every few seconds.
      </span>
    </section>
  );
}

function Footer() {
  const { status } = usePage();
  const answer = status.value.value;
  return (
    <footer class="bottom">
      {answer === null ? (
        <span>Rollcall</span>
      ) : (
        <>
          <span>
            Rollcall <Foreign text={answer.version} />
          </span>
          <span>
            {formatCount(answer.connectedAgents)} of {plural(answer.hostCount, 'host')} connected
          </span>
          <span>
            collector running for <SpanSince timeMs={answer.startedMs} />
          </span>
          {answer.isInsecure ? (
            <strong>served without TLS: anyone on the way can read and change it</strong>
          ) : null}
        </>
      )}
    </footer>
  );
}
