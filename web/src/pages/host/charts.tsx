import { useLocation } from 'preact-iso';
import { PanelView } from '../../chart/panel-view.tsx';
import { PANELS } from '../../chart/panels.ts';
import { RANGES, rangeOf } from '../../chart/timeline.ts';
import { addressWith } from './address.ts';

/** The charts of a host over the range that the address names: `?range=6h`. */
export function Charts({ hostName }: { readonly hostName: string }) {
  const { path, query, route } = useLocation();
  const range = rangeOf(query['range']);
  return (
    <section aria-labelledby="charts">
      <div class="section-head">
        <h2 id="charts">Charts</h2>
        <div class="segments" role="group" aria-label="Time range">
          {RANGES.map((choice) => (
            <button
              key={choice.id}
              type="button"
              class="segment"
              aria-pressed={choice.id === range.id}
              onClick={() => route(addressWith(path, query, { range: choice.id }), true)}
            >
              {choice.label}
            </button>
          ))}
        </div>
      </div>
      <div class="panels">
        {PANELS.map((panel) => (
          <PanelView key={panel.id} panel={panel} hostName={hostName} range={range} />
        ))}
      </div>
    </section>
  );
}
