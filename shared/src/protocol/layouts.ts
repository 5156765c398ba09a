/** What an agent has to know of its schemas to send records in columns. */
import { AppError } from '../lib/errors.ts';
import { decodeRecord, RECORD_KIND, recordBody } from './record.ts';
import type { Layout } from './samples.ts';
import { decodeSchemaBody, type Schema } from './schema.ts';

/** Where a record says of which kind it is. */
const KIND_OFFSET = 8;

/**
 * The layouts of the schemas that were sent in an epoch. A number means one schema in an epoch for ever, so what was
 * learned in one session is good in the next. Holds one epoch at a time, whose schemas the spool limits.
 */
export class SchemaLayouts {
  #epochId = '';
  readonly #layouts = new Map<number, Layout>();

  /** Learns from the schema records among those that are about to be sent; forgets all other epochs. */
  learn(epochId: string, records: readonly Buffer[]): void {
    if (epochId !== this.#epochId) this.#layouts.clear();
    this.#epochId = epochId;
    for (const bytes of records) if (bytes[KIND_OFFSET] === RECORD_KIND.SCHEMA) this.#learnSchema(bytes);
  }

  /** Undefined for a schema whose record was not seen; its blocks then travel as they are. */
  of(schemaNumber: number): Layout | undefined {
    return this.#layouts.get(schemaNumber);
  }

  #learnSchema(bytes: Buffer): void {
    try {
      const { number, schema } = decodeSchemaBody(recordBody(decodeRecord(bytes, 0)));
      this.#layouts.set(number, columnLayout(schema));
    } catch (error) {
      // Whatever is wrong with it, the collector will say so.
      if (!(error instanceof AppError)) throw error;
    }
  }
}

/** A layout for integers as they are written, whatever their decimals; without the names, which nobody needs again. */
export function columnLayout({ seriesCount, metrics }: Pick<Schema, 'seriesCount' | 'metrics'>): Layout {
  const columns = metrics
    .filter(({ series }) => series.length > 0)
    .map(({ encoding, series }) => ({ name: '', encoding, scale: 0, series: { length: series.length } }));
  return { seriesCount, metrics: columns };
}
