import { formatRatio } from '../format.ts';
import { Foreign } from './text.tsx';

/** From here on a bar is drawn in full ink: the thresholds people know from host boards. */
const HIGH_RATIO = 0.85;

export interface MeterProps {
  /** 0–1, `null` when not known. */
  readonly ratio: number | null;
  /** A short addition to the figure, as the total or the mount point. */
  readonly detail?: string | null;
}

/** A figure with a bar. The bar repeats the figure, so it is hidden from people who hear the page. */
export function Meter({ ratio, detail = null }: MeterProps) {
  if (ratio === null) return <span class="muted">–</span>;
  const share = Math.min(1, Math.max(0, ratio));
  const classes = ['meter', ratio >= HIGH_RATIO ? 'is-high' : '', detail === null ? '' : 'has-detail'];
  return (
    <span class={classes.filter(Boolean).join(' ')}>
      <span class="meter-figure">{formatRatio(ratio)}</span>
      <span class="meter-track" aria-hidden="true">
        <span class="meter-fill" style={{ width: `${(share * 100).toFixed(1)}%` }} />
      </span>
      {detail === null ? null : (
        <span class="meter-detail">
          <Foreign text={detail} />
        </span>
      )}
    </span>
  );
}
