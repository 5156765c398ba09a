import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';

/** Shows what broke instead of an empty page when a component below throws. */
export function Boundary({ children }: { readonly children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary();
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
