import { At } from '../ui/time.tsx';
import { KINDS, KIND_WORDS, describeStretches, type Kind, type Stretch } from './stretches.ts';

/** The strip is drawn on a grid of this width and height, and stretched over the place it has. */
const WIDTH = 1000;
const HEIGHT = 20;
/** What lasted less is drawn as wide, so that a minute of a month is seen. */
const WIDTH_MIN = 2;
// Each kind has a height of its own, so that the colour is never the only sign.
const HEIGHTS: Readonly<Record<Kind, number>> = { down: 20, cut: 14, planned: 10, unknown: 5, up: 2 };

export interface StripProps {
  readonly stretches: readonly Stretch[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** Time from left to right; what is not up stands out. The same is told in words. */
export function Strip({ stretches, fromMs, toMs }: StripProps) {
  const scale = WIDTH / (toMs - fromMs);
  // Trouble last, so that what is widened is not covered by its neighbours.
  const drawn = stretches.toSorted((left, right) => KINDS.indexOf(right.kind) - KINDS.indexOf(left.kind));
  const shown = KINDS.filter((kind) => stretches.some((stretch) => stretch.kind === kind));
  return (
    <div class="strip">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={describeStretches(stretches)}
        focusable="false"
      >
        {drawn.map(({ kind, fromMs: beginMs, toMs: endMs }) => {
          const width = Math.max(WIDTH_MIN, (endMs - beginMs) * scale);
          const x = Math.min(WIDTH - width, (beginMs - fromMs) * scale);
          const height = HEIGHTS[kind];
          return (
            <rect
              key={`${kind} ${beginMs}`}
              class={`stretch is-${kind}`}
              x={x.toFixed(2)}
              y={HEIGHT - height}
              width={width.toFixed(2)}
              height={height}
            />
          );
        })}
      </svg>
      <div class="strip-ends">
        <At timeMs={fromMs} />
        <At timeMs={toMs} />
      </div>
      <ul class="legend">
        {shown.map((kind) => (
          <li key={kind}>
            <svg class="strip-key" viewBox={`0 0 ${HEIGHT} ${HEIGHT}`} aria-hidden="true" focusable="false">
              <rect
                class={`stretch is-${kind}`}
                y={HEIGHT - HEIGHTS[kind]}
                width={HEIGHT}
                height={HEIGHTS[kind]}
              />
            </svg>
            {KIND_WORDS[kind]}
          </li>
        ))}
      </ul>
    </div>
  );
}
