/** Canned answers to the range queries of the page: smooth curves per metric, with one gap in each. */

const GIB = 1024 ** 3;

/** A metric's name, the labels its series differ in, and a curve: `phase` runs once around in an hour. */
interface Curve {
  readonly metric: RegExp;
  readonly middle: number;
  readonly swing: number;
}

const CURVES: readonly Curve[] = [
  { metric: /node_cpu_seconds_total\{[^}]*mode="idle"/, middle: 8, swing: 0 },
  { metric: /node_cpu_seconds_total/, middle: 0.09, swing: 0.05 },
  { metric: /node_load/, middle: 2.1, swing: 1.4 },
  { metric: /SwapTotal/, middle: 0.4 * GIB, swing: 0.1 * GIB },
  { metric: /MemAvailable/, middle: 9.2 * GIB, swing: 1.6 * GIB },
  { metric: /MemTotal/, middle: 15.6 * GIB, swing: 0 },
  { metric: /pressure/, middle: 0.012, swing: 0.01 },
  { metric: /receive_bytes/, middle: 3.1e6, swing: 2.4e6 },
  { metric: /transmit_bytes/, middle: 1.2e6, swing: 0.9e6 },
  { metric: /read_bytes/, middle: 6e6, swing: 5.5e6 },
  { metric: /written_bytes/, middle: 11e6, swing: 9e6 },
  { metric: /io_time/, middle: 0.22, swing: 0.2 },
  { metric: /filesystem/, middle: 0.55, swing: 0.01 },
];

const MODES = ['user', 'system', 'iowait', 'nice', 'irq', 'softirq', 'steal'] as const;

/** The answer to `POST /api/v1/query_range` with this form. */
export function rangeAnswer(
  form: URLSearchParams,
  options: { readonly mountpoints: readonly string[]; readonly hasNoSeries: boolean },
): unknown {
  const query = form.get('query') ?? '';
  const start = Number(form.get('start'));
  const end = Number(form.get('end'));
  const step = Number(form.get('step'));
  const curve = CURVES.find((one) => one.metric.test(query));
  if (!(step > 0) || (end - start) / step > 11_000) {
    return {
      status: 'error',
      errorType: 'bad_data',
      error: 'exceeded maximum resolution of 11,000 points per timeseries',
    };
  }
  const labels = options.hasNoSeries || curve === undefined ? [] : labelsOf(query, options.mountpoints);
  const result = labels.map((metric, index) => ({
    metric,
    values: pointsOf({ curve, index, start, end, step }),
  }));
  return { status: 'success', data: { resultType: 'matrix', result } };
}

function labelsOf(
  query: string,
  mountpoints: readonly string[],
): readonly Readonly<Record<string, string>>[] {
  if (query.includes('by (mode)')) return MODES.map((mode) => ({ mode }));
  if (query.includes('by (device)')) return ['nvme0n1', 'sda'].map((device) => ({ device }));
  if (query.includes('by (mountpoint)')) return mountpoints.map((mountpoint) => ({ mountpoint }));
  return [{}];
}

interface Span {
  readonly curve: Curve | undefined;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function pointsOf({ curve, index, start, end, step }: Span): readonly (readonly [number, string])[] {
  const points: (readonly [number, string])[] = [];
  const { middle, swing } = curve ?? { middle: 0, swing: 0 };
  for (let time = start; time <= end; time += step) {
    const share = (time - start) / (end - start);
    if (share > 0.42 && share < 0.5) continue;
    const phase = 2 * Math.PI * (share * 3 + index / 5);
    const ripple = Math.sin(phase * 7.3) * 0.25 + Math.sin(phase * 23.1) * 0.12;
    const value = (middle + swing * Math.max(-1, Math.sin(phase) * 0.7 + ripple)) / (1 + index * 0.6);
    points.push([time, String(value)]);
  }
  return points;
}
