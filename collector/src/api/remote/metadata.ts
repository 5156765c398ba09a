/**
 * What senders of remote write say about their metrics. It is kept in memory only: senders repeat it every minute.
 */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { WrittenMetadata } from '../../storage/remote-protocol/messages.ts';

/** Metrics that are remembered; the one heard of longest ago makes room. */
const METRICS_MAX = 10_000;
const NAME_LENGTH_MAX = 512;
const HELP_LENGTH_MAX = 1_024;
const UNIT_LENGTH_MAX = 64;

export type MetadataEntry = Omit<WrittenMetadata, 'metric'>;

export class PushedMetadata {
  /** In the order in which they were last heard of. */
  readonly #byMetric = new Map<string, MetadataEntry>();

  /** Takes in what a sender says; the newest word on a metric counts. */
  note({ metric, type, help, unit }: WrittenMetadata): void {
    if (metric === '' || metric.length > NAME_LENGTH_MAX) return;
    this.#byMetric.delete(metric);
    this.#byMetric.set(metric, {
      type,
      help: cleanText(help, HELP_LENGTH_MAX),
      unit: cleanText(unit, UNIT_LENGTH_MAX),
    });
    const [oldest] = this.#byMetric.keys();
    if (this.#byMetric.size > METRICS_MAX && oldest !== undefined) this.#byMetric.delete(oldest);
  }

  entries(): Iterable<readonly [metric: string, entry: MetadataEntry]> {
    return this.#byMetric;
  }
}
