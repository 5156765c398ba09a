/** The picture of the hour before an incident, in units of its box. */

export const CURVE_WIDTH = 600;
export const CURVE_HEIGHT = 100;
const MARGIN = 8;

export interface Curve {
  /** One polyline for each row of values without a gap, as the attribute `points`. */
  readonly pieces: readonly string[];
  /** Where the threshold lies, `null` when there is none. */
  readonly thresholdY: number | null;
  readonly min: number;
  readonly max: number;
}

/** `null` when there is no value at all. */
export function curveOf(values: readonly (number | null)[], threshold: number | null): Curve | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  const [min, max] = [Math.min(...known), Math.max(...known)];
  const low = Math.min(min, threshold ?? min);
  const range = Math.max(max, threshold ?? max) - low;
  const y = (value: number): number => {
    const share = range === 0 ? 0.5 : (value - low) / range;
    return Math.round((CURVE_HEIGHT - MARGIN - share * (CURVE_HEIGHT - 2 * MARGIN)) * 10) / 10;
  };
  const stepX = CURVE_WIDTH / Math.max(1, values.length - 1);
  const pieces: string[] = [];
  let piece: string[] = [];
  const end = (): void => {
    // A lone value is drawn as a short line.
    const [only] = piece;
    if (only !== undefined) pieces.push(piece.length === 1 ? `${only} ${shifted(only)}` : piece.join(' '));
    piece = [];
  };
  for (const [i, value] of values.entries()) {
    if (value === null) end();
    else piece.push(`${Math.round(i * stepX * 10) / 10},${y(value)}`);
  }
  end();
  return { pieces, thresholdY: threshold === null ? null : y(threshold), min, max };
}

function shifted(point: string): string {
  const [x = '0', y = '0'] = point.split(',');
  return `${Math.max(0, Number(x) - 2)},${y}`;
}
