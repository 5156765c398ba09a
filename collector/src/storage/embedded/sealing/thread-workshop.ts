/**
 * Works on tasks in a thread, so that sockets and commits do not notice. The thread is kept from task to task: starting one
 * costs as much as sealing a million samples.
 */
import { Worker } from 'node:worker_threads';
import { AppError, describeError, isErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Task, TaskResult, Workshop } from './tasks.ts';
import { threadAnswerSchema, type ThreadPlace } from './thread-messages.ts';

/** For the same reasons as those of threads that answer queries. */
const HEAP_LIMITS = { maxOldGenerationSizeMb: 1_792, maxYoungGenerationSizeMb: 48 };

export function threadWorkshop(place: ThreadPlace): Workshop {
  return new ThreadWorkshop(place);
}

class ThreadWorkshop implements Workshop {
  readonly #place: ThreadPlace;
  #worker: Worker | undefined;

  constructor(place: ThreadPlace) {
    this.#place = place;
  }

  async run(task: Task, signal: AbortSignal): Promise<TaskResult> {
    if (signal.aborted) throw stopped();
    const worker = (this.#worker ??= new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: this.#place,
      resourceLimits: HEAP_LIMITS,
    }));
    let isWhole = false;
    try {
      const result = await runIn(worker, task, signal);
      isWhole = true;
      return result;
    } finally {
      // Whatever failed, the next task begins in a new thread.
      if (!isWhole) this.rest();
    }
  }

  rest(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }
}

async function runIn(worker: Worker, task: Task, signal: AbortSignal): Promise<TaskResult> {
  const listening = new AbortController();
  try {
    return await new Promise((resolve, reject) => {
      const fail = (text: string, code = ''): void => {
        const known = isErrorCode(code) ? code : 'STORAGE_UNAVAILABLE';
        reject(new AppError(known, `work on blocks: ${text}`, { isRetryable: known !== 'BLOCK_DAMAGED' }));
      };
      signal.addEventListener('abort', () => reject(stopped()), { once: true, signal: listening.signal });
      worker.once('message', (message: unknown) => {
        const answer = threadAnswerSchema.safeParse(message);
        if (!answer.success) fail('the thread gave an answer that makes no sense');
        else if (answer.data.kind === 'failed') fail(answer.data.text, answer.data.code);
        else resolve(answer.data.result);
      });
      worker.once('error', (error) => fail(describeError(error)));
      worker.once('exit', (code) => fail(`the thread ended with code ${code}`));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage(task);
    });
  } finally {
    listening.abort();
    for (const event of ['message', 'exit']) worker.removeAllListeners(event);
    // An error of a thread that is given up must not end the process.
    worker.removeAllListeners('error').on('error', () => {});
  }
}

function stopped(): AppError {
  return new AppError('QUERY_CANCELED', 'work on blocks was stopped');
}
