/** Works on tasks in a thread each, so that sockets and commits do not notice. A thread lives as long as its task. */
import { Worker } from 'node:worker_threads';
import { AppError, describeError, isErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Task, TaskResult, Workshop } from './tasks.ts';
import { threadAnswerSchema, type ThreadJob } from './thread-messages.ts';

export function threadWorkshop(place: { readonly journalFile: string; readonly dir: string }): Workshop {
  return {
    run: (task, signal) => runInThread({ task, ...place }, signal),
  };
}

function runInThread(
  job: Omit<ThreadJob, 'task'> & { readonly task: Task },
  signal: AbortSignal,
): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: job });
    const fail = (text: string, code = ''): void => {
      const known = isErrorCode(code) ? code : 'STORAGE_UNAVAILABLE';
      reject(new AppError(known, `work on blocks: ${text}`, { isRetryable: known !== 'BLOCK_DAMAGED' }));
    };
    const stop = (): void => {
      void worker.terminate();
      reject(new AppError('QUERY_CANCELED', 'work on blocks was stopped'));
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    worker.once('message', (message: unknown) => {
      const answer = threadAnswerSchema.safeParse(message);
      if (!answer.success) fail('the thread gave an answer that makes no sense');
      else if (answer.data.kind === 'failed') fail(answer.data.text, answer.data.code);
      else resolve(answer.data.result);
    });
    worker.once('error', (error) => fail(describeError(error)));
    worker.once('exit', (code) => {
      signal.removeEventListener('abort', stop);
      fail(`the thread ended with code ${code}`);
    });
  });
}
