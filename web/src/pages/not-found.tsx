import { useTitle } from '../ui/title.ts';

/** For addresses that name nothing. */
export function NotFoundPage() {
  useTitle('Not found');
  return (
    <div class="quiet">
      <h1>Nobody answers to that name</h1>
      <p>There is no page at this address. It may have been mistyped, or what it showed has been removed.</p>
      <p>
        <a href="/">All hosts</a> · <a href="/availability">Availability</a> ·{' '}
        <a href="/incidents">Incidents</a>
      </p>
    </div>
  );
}
