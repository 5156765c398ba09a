/** Series as the lines that InfluxDB takes, written as the feed writes them. */
import { LineEncoder } from '../../../collector/src/storage/line-protocol/encode.ts';
import type { SinkSeries } from '../../../collector/src/storage/sink.ts';

/** @throws Error when a sample cannot be written */
export function linesOf(series: readonly SinkSeries[]): readonly string[] {
  const { lines, refused } = new LineEncoder('influxdb').encode(series);
  const [first] = refused;
  if (first !== undefined) throw new Error(`${first.labels.key}: ${first.text}`);
  return lines.map(({ text }) => text);
}
