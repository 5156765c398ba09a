/** The thread that works on one task and ends; see thread-workshop.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { openJournalReader } from '../../../journal/reader.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { performTask } from './tasks.ts';
import { threadJobSchema, type ThreadAnswer } from './thread-messages.ts';

const { task, journalFile, dir } = threadJobSchema.parse(workerData);
const reader = openJournalReader({ path: journalFile, schemas: new SchemaCache() });
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(await answer());

async function answer(): Promise<ThreadAnswer> {
  try {
    const ports = { reader, disk: nodeDisk, dir, yieldToLoop: () => Promise.resolve() };
    return { kind: 'done', result: await performTask(task, ports) };
  } catch (error) {
    const code = error instanceof AppError ? error.code : '';
    return { kind: 'failed', code, text: describeError(error) };
  } finally {
    reader.close();
  }
}
