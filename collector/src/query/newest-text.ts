/** The newest sample of each series as text, with its own time: what another Prometheus scrapes from `/federate`. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { METRIC_NAME, type Labels } from '../storage/labels.ts';
import type { LabelsRequest, Series, StorageReader } from '../storage/storage.ts';
import type { Pacer } from './evaluate/evaluation.ts';
import { formatSample } from './encode/format.ts';

interface TextContext {
  readonly storage: Pick<StorageReader, 'select'>;
  readonly signal: AbortSignal;
  readonly pacer: Pacer;
}

/** Samples that may be read for one answer. */
const SAMPLES_MAX = 5_000_000;
const LINES_PER_PIECE = 500;
/** Work on a line, in the units of `Pacer.spend`. */
const LINE_WORK = 30;

/**
 * Text format 0.0.4 in pieces, by metric: series that fit any of the sets and whose newest sample in the range is no stale
 * marker. All samples are read when it resolves. Types are untyped, and a series without `instance` says so, which keeps
 * whoever scrapes from giving it another one; as in Prometheus (web/federate.go).
 * @throws AppError QUERY_LIMIT (more series than `limit`), QUERY_CANCELED, and those of the store
 */
export async function newestAsText(
  { matcherSets, fromMs, toMs, limit }: LabelsRequest,
  { storage, signal, pacer }: TextContext,
): Promise<Iterable<string>> {
  const known = new Set<string>();
  const byMetric = new Map<string, string[]>();
  let samplesMax = SAMPLES_MAX;
  for (const matchers of matcherSets) {
    const all = await storage.select({ matchers, fromMs, toMs, samplesMax, hints: { stepMs: 0 } }, signal);
    for (const series of all) {
      samplesMax -= series.timestamps.length;
      const { labels } = series;
      if (labels.metricName === '' || (matcherSets.length > 1 && known.has(labels.key))) continue;
      if (matcherSets.length > 1) known.add(labels.key);
      const sample = newestOf(series);
      if (sample === undefined) continue;
      if (limit-- <= 0) throw new AppError('QUERY_LIMIT', 'too many series in one answer: ask for less');
      const lines = byMetric.get(labels.metricName);
      const line = `${seriesText(labels)} ${sample}\n`;
      if (lines === undefined) byMetric.set(labels.metricName, [line]);
      else lines.push(line);
      if (pacer.spend(LINE_WORK)) await pacer.pause();
    }
  }
  return inPieces([...byMetric].sort(([left], [right]) => compareUtf8(left, right)));
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
      text += `${text === '' ? '' : ','}${plainName(name).replaceAll(':', '_')}="${escaped(value)}"`;
  }
  if (labels.get('instance') === '') text += `${text === '' ? '' : ','}instance=""`;
  return `${plainName(labels.metricName)}{${text}}`;
}

/** As the text format takes names, whatever they are: Prometheus' underscore escaping. */
function plainName(name: string): string {
  return name.replaceAll(/^\d|[^A-Za-z0-9_:]/gu, '_');
}

function escaped(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
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
