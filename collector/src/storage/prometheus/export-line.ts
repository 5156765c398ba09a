/**
 * Lines of VictoriaMetrics' `/api/v1/export`: raw samples, one JSON object a line, except that values that are not
 * finite stand there as `+Inf`, `-Inf` and `NaN`, which is no JSON. Source: docs.victoriametrics.com, "How to export data in JSON line
 * format", and VictoriaMetrics 1.79.5.
 */
import * as z from 'zod';
import type { FetchedSample } from '../fetched-series.ts';
import { Labels } from '../labels.ts';

const metric = z.object({ metric: z.record(z.string(), z.string()) });

const VALUES = ',"values":[';
const TIMESTAMPS = '],"timestamps":[';

export interface ExportedSeries {
  readonly labels: Labels;
  readonly samples: readonly FetchedSample[];
}

/** Undefined when the line is not of the form. NaN, which stands there as `null` or `NaN`, is a
 * stale marker: other NaN are not stored. */
export function parseExportLine(line: string): ExportedSeries | undefined {
  // No brackets stand behind the label values, so the last places are the right ones.
  const timestampsAt = line.lastIndexOf(TIMESTAMPS);
  const valuesAt = line.lastIndexOf(VALUES, timestampsAt);
  if (valuesAt < 0 || timestampsAt < 0 || !line.endsWith(']}')) return undefined;
  const labels = parseMetric(`${line.slice(0, valuesAt)}}`);
  const values = line.slice(valuesAt + VALUES.length, timestampsAt).split(',');
  const times = line.slice(timestampsAt + TIMESTAMPS.length, -2).split(',');
  if (labels === undefined || values.length !== times.length) return undefined;
  const samples: FetchedSample[] = [];
  for (const [at, text] of values.entries()) {
    const timeMs = Number(times[at]);
    const value = valueOf(text);
    if (!Number.isSafeInteger(timeMs) || value === undefined) return undefined;
    samples.push(Number.isNaN(value) ? { timeMs, value, isStale: true } : { timeMs, value });
  }
  return { labels, samples };
}

function parseMetric(text: string): Labels | undefined {
  try {
    return Labels.of(metric.parse(JSON.parse(text)).metric);
  } catch {
    // Neither the text nor the reason is of use: the caller says that the store's answer is no export.
    return undefined;
  }
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function valueOf(text: string): number | undefined {
  if (text === 'null' || text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === '"Infinity"') return Infinity;
  if (text === '-Inf' || text === '"-Infinity"') return -Infinity;
  return NUMBER.test(text) ? Number(text) : undefined;
}
