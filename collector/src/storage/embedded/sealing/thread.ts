/** The thread that works on one task after another; see thread-workshop.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { openJournalReader } from '../../../journal/reader.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { performTask } from './tasks.ts';
import { taskSchema, threadPlaceSchema, type ThreadAnswer } from './thread-messages.ts';

const { journalFile, dir } = threadPlaceSchema.parse(workerData);
const schemas = new SchemaCache();

parentPort?.on('message', (message: unknown) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  void answer(message).then((result) => parentPort?.postMessage(result));
});

async function answer(message: unknown): Promise<ThreadAnswer> {
  try {
    const task = taskSchema.parse(message);
    const reader = openJournalReader({ path: journalFile, schemas });
    try {
      const ports = { reader, disk: nodeDisk, dir, yieldToLoop: () => Promise.resolve() };
      return { kind: 'done', result: await performTask(task, ports) };
    } finally {
      reader.close();
    }
  } catch (error) {
    const code = error instanceof AppError ? error.code : '';
    return { kind: 'failed', code, text: describeError(error) };
  }
}
