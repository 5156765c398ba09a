/**
 * Makes the limits of the product tiny, so that a run of minutes crosses each of them many times. Imported before
 * anything else: some parts compute their own limits from these when they are loaded.
 */
import { JOURNAL_LIMITS } from '../../collector/src/journal/limits.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';

Object.assign(LIMITS, {
  recordsPerBatch: 4,
  batchTargetBytes: 1_024,
  agentSendBufferBytes: 512,
  creditWindowBytes: 5_120,
  creditPoolBytes: 8 * 1_024,
  schemasPerEpoch: 8,
});

Object.assign(JOURNAL_LIMITS, { groupRecords: 8, groupBytes: 2_048, groupLanes: 3, oldSchemasPerLane: 2 });
