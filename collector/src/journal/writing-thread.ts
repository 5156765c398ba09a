/** The thread that writes as the journal sees it: changes go in, answers come out in their order, and it may end at any time. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Change, FromStore, ToStore } from './store-messages.ts';
import type { PruneStep } from './store.ts';

/** A thread, or what stands for one in a test. */
export interface WritingThreadPort {
  /** @param moved buffers of the message that the thread takes over */
  post(message: ToStore, moved: readonly ArrayBuffer[]): void;
  /** Ends it without asking; `ended` follows. */
  kill(): Promise<void>;
}

/** What a thread tells. After `ended`, which comes once, it is gone and says nothing more. */
export interface WritingThreadEvents {
  message(this: void, answer: FromStore): void;
  /** It is no longer known which answer belongs to which change. */
  broken(this: void, reason: Error): void;
  ended(this: void, reason: Error): void;
}

export type StartWritingThread = (events: WritingThreadEvents) => WritingThreadPort;

/** A thread that has nothing more to do ends within this time, or is ended. */
const END_MS = 5_000;

interface Asked {
  readonly resolve: (step: PruneStep | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** One thread and who waits for it. */
export class WritingThread {
  readonly #port: WritingThreadPort;
  /** In the order of their questions. */
  readonly #asked: Asked[] = [];
  readonly #gone = Promise.withResolvers<void>();
  /** Why it takes no more changes. */
  #failed: Error | undefined;

  constructor(start: StartWritingThread) {
    this.#port = start({
      message: (answer) => this.#receive(answer),
      broken: (reason) => this.#break(reason),
      ended: (reason) => {
        this.#fail(reason);
        this.#gone.resolve();
      },
    });
  }

  /** Resolves when a change is durable; rejects when nobody knows whether it took place. */
  ask(change: Change, moved: readonly ArrayBuffer[] = []): Promise<PruneStep | undefined> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      // What cannot be sent is not answered, so it must not stand in the queue.
      this.#port.post({ kind: 'change', change }, moved);
      this.#asked.push({ resolve, reject });
    });
  }

  /** The same for a deletion, which always says how far it came. */
  async step(change: Change): Promise<PruneStep> {
    const step = await this.ask(change);
    if (step === undefined) throw new TypeError(`${change.kind} without a step`);
    return step;
  }

  /** Lets it finish what it was asked; resolves when it is gone. */
  async end(clock: Clock): Promise<void> {
    if (this.#failed === undefined) this.#port.post({ kind: 'close' }, []);
    const timer = clock.setTimer(END_MS, () => void this.#port.kill());
    await this.#gone.promise;
    timer.cancel();
  }

  #receive(answer: FromStore): void {
    // Those who wait were told already that it failed.
    if (this.#failed !== undefined) return;
    const asked = this.#asked.shift();
    if (asked === undefined) this.#break(new Error('the thread that writes gave an answer nobody asked for'));
    else if (answer.kind === 'done') asked.resolve(answer.step);
    else asked.reject(new Error(answer.text));
  }

  #break(reason: Error): void {
    this.#fail(reason);
    void this.#port.kill();
  }

  #fail(reason: Error): void {
    this.#failed ??= reason;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failed);
  }
}
