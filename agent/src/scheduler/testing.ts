/** A spool in an array, for tests of whoever appends. */
import type { RecordDraft } from '@rollcall/shared/protocol/record.ts';
import {
  decodeSamples,
  type FailedBlock,
  type UnknownBlock,
  type ValuesBlock,
} from '@rollcall/shared/protocol/samples.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';
import type { RecordCounts, SpoolStats } from '../spool/spool.ts';
import type { TickSpool } from './scheduler.ts';

export interface KeptRecord {
  readonly draft: RecordDraft;
  readonly counts: RecordCounts;
}

export class FakeSpool implements TickSpool {
  readonly schemas: HashedSchema[] = [];
  readonly records: KeptRecord[] = [];
  isDurable = true;
  /** What `append` throws. */
  failure: Error | undefined;

  declareSchema(schema: HashedSchema): number {
    const index = this.schemas.findIndex(({ hash }) => hash === schema.hash);
    return index === -1 ? this.schemas.push(schema) : index + 1;
  }

  append(draft: RecordDraft, counts: RecordCounts): void {
    if (this.failure !== undefined) throw this.failure;
    this.records.push({ draft: { ...draft, body: Buffer.from(draft.body) }, counts });
  }

  stats(): SpoolStats {
    return {
      isDurable: this.isDurable,
      recordsHeld: this.records.length,
      bytesHeld: 0,
      bytesMax: 1_000,
      oldestUnackedMs: undefined,
      samplesDropped: 0,
    };
  }

  /** The blocks of the record at `index`, as a collector decodes them. */
  blocks(index: number): (ValuesBlock | FailedBlock | UnknownBlock)[] {
    const record = this.records[index];
    if (record === undefined) throw new RangeError(`no record ${index}`);
    return decodeSamples(Buffer.from(record.draft.body), (number) => this.schemas[number - 1]);
  }
}
