import { useLocation } from 'preact-iso';
import type { ComponentChildren } from 'preact';
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';

/** Shows what broke instead of an empty page when a component below throws, until the reader goes elsewhere. */
export function Boundary({ children }: { readonly children: ComponentChildren }) {
  const { path } = useLocation();
  const [error, reset] = useErrorBoundary();
  const shownPath = useRef(path);
  useEffect(() => {
    if (shownPath.current !== path) reset();
    shownPath.current = path;
  }, [path]);
  if (error === undefined || error === null) return <>{children}</>;
  return (
    <div class="notice is-problem">
      <h1 class="notice-title">This part of the page broke</h1>
      <p class="notice-detail">{error instanceof Error ? error.message : 'for a reason that is not known'}</p>
      <button type="button" class="button" onClick={reset}>
        Try again
      </button>
    </div>
  );
}
