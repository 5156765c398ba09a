/** The newest sample of each series as text, with its own time: what another Prometheus scrapes from `/federate`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { escapedValue, METRIC_NAME, type Labels } from '../storage/labels.ts';
import type { LabelsRequest, Series } from '../storage/storage.ts';
import { formatSample } from './encode/format.ts';
import { samplesOf, withSeries, type Reading } from './reading.ts';

const LINES_PER_PIECE = 500;
/** Work on a series, in the units of `Pacer.spend`. */
const LINE_WORK = 30;

/**
 * Text format 0.0.4 in pieces, by metric: series that fit any of the sets and whose newest sample in the range is no stale
 * marker. All samples are read when it resolves; `values` is what the text takes, in the measure of samples. Types are untyped,
 * and a series without `instance` says so, which keeps whoever scrapes from giving it another one; as in Prometheus
 * (web/federate.go).
 * @throws AppError QUERY_LIMIT (more series than `limit` among them), QUERY_CANCELED, and those of the store
 */
export async function newestAsText(
  { matcherSets, fromMs, toMs, limit }: LabelsRequest,
  reading: Reading,
): Promise<{ readonly data: Iterable<string>; readonly values: number }> {
  const { budget, pacer } = reading;
  const known = new Set<string>();
  const byMetric = new Map<string, string[]>();
  let values = 0;
  for (const matchers of matcherSets) {
    await withSeries({ matchers, fromMs, toMs, hints: { stepMs: 0 } }, reading, async (all) => {
      for (const series of all) {
        // Those of which nothing is written take their time too.
        if (pacer.spend(LINE_WORK)) await pacer.pause();
        const { labels } = series;
        if (labels.metricName === '' || (matcherSets.length > 1 && known.has(labels.key))) continue;
        if (matcherSets.length > 1) known.add(labels.key);
        const sample = newestOf(series);
        if (sample === undefined) continue;
        if (limit-- <= 0) throw new AppError('QUERY_LIMIT', 'too many series in one answer: ask for less');
        const line = `${seriesText(labels)} ${sample}\n`;
        const taken = samplesOf(line.length);
        budget.hold(taken);
        values += taken;
        const lines = byMetric.get(labels.metricName);
        if (lines === undefined) byMetric.set(labels.metricName, [line]);
        else lines.push(line);
      }
    });
  }
  return { data: inPieces([...byMetric].sort(([left], [right]) => compareUtf8(left, right))), values };
}

/** Value and time as a line ends with them; undefined when the series has ended. */
function newestOf({ timestamps, values, stale }: Series): string | undefined {
  const last = timestamps.length - 1;
  if (last < 0 || stale?.[last] === 1) return undefined;
  return `${formatSample(values[last] ?? NaN)} ${timestamps[last]}`;
}

function seriesText(labels: Labels): string {
  let text = '';
  for (const [name, value] of labels.entries()) {
    if (name !== METRIC_NAME)
      text += `${text === '' ? '' : ','}${plainName(name).replaceAll(':', '_')}="${escapedValue(value)}"`;
  }
  if (labels.get('instance') === '') text += `${text === '' ? '' : ','}instance=""`;
  return `${plainName(labels.metricName)}{${text}}`;
}

/** As the text format takes names, whatever they are: Prometheus' underscore escaping. */
function plainName(name: string): string {
  return name.replaceAll(/^\d|[^A-Za-z0-9_:]/gu, '_');
}

function* inPieces(
  metrics: readonly (readonly [name: string, lines: readonly string[]])[],
): Generator<string> {
  for (const [name, lines] of metrics) {
    yield `# TYPE ${plainName(name)} untyped\n`;
    for (let at = 0; at < lines.length; at += LINES_PER_PIECE)
      yield lines.slice(at, at + LINES_PER_PIECE).join('');
  }
}
