/**
 * Calls of statfs(2) that cannot take the machine's agent with them. A call on a dead mount sits in a thread of the
 * platform's pool until the kernel gives up, perhaps forever, and everything else that uses the pool would starve. So
 * a limited number may be under way, and remote mounts may not take all of them.
 */
import { HostError, type FilesystemUsage } from './host.ts';

/** Asks the kernel once; settles when the kernel answers. */
export type AskUsage = (path: Buffer) => Promise<FilesystemUsage>;

interface Waiting {
  readonly path: Buffer;
  readonly key: string;
  readonly isRemote: boolean;
  readonly resolve: (usage: FilesystemUsage) => void;
  readonly reject: (error: unknown) => void;
  isGivenUp: boolean;
}

export class StatfsQueue {
  readonly #ask: AskUsage;
  readonly #slots: number;
  readonly #slotsRemote: number;
  #running = 0;
  #runningRemote = 0;
  readonly #keysRunning = new Set<string>();
  readonly #waiting: Waiting[] = [];

  /**
   * @param options.slots calls under way at most, 2 or more; leave at least one thread of the pool (4 by default) to
   *   others. Remote mounts get one less, so that hung servers never hide local file systems.
   */
  constructor(options: { readonly ask: AskUsage; readonly slots: number }) {
    this.#ask = options.ask;
    this.#slots = options.slots;
    this.#slotsRemote = options.slots - 1;
  }

  /** Calls that the kernel has not answered yet. */
  get pending(): number {
    return this.#running;
  }

  /** @throws HostError timeout when `signal` is aborted first, or an earlier call for the path is still under way */
  usage(
    mount: { readonly path: Buffer; readonly isRemote: boolean },
    signal: AbortSignal,
  ): Promise<FilesystemUsage> {
    const key = mount.path.toString('latin1');
    const shown = JSON.stringify(mount.path.toString());
    if (this.#keysRunning.has(key)) {
      return Promise.reject(new HostError('timeout', `statfs of ${shown}: an earlier call still hangs`));
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting = { ...mount, key, resolve, reject, isGivenUp: false };
      const giveUp = (): void => {
        entry.isGivenUp = true;
        reject(new HostError('timeout', `statfs of ${shown}: no answer in time`));
      };
      if (signal.aborted) {
        giveUp();
        return;
      }
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(entry);
      this.#startWaiting();
    });
  }

  #startWaiting(): void {
    let index = 0;
    while (index < this.#waiting.length && this.#running < this.#slots) {
      const entry = this.#waiting[index];
      if (entry === undefined || entry.isGivenUp || this.#start(entry)) this.#waiting.splice(index, 1);
      else index += 1;
    }
  }

  /** Whether the call could be started. */
  #start(entry: Waiting): boolean {
    if (this.#keysRunning.has(entry.key)) return false;
    if (entry.isRemote && this.#runningRemote >= this.#slotsRemote) return false;
    this.#running += 1;
    if (entry.isRemote) this.#runningRemote += 1;
    this.#keysRunning.add(entry.key);
    this.#ask(entry.path)
      .then(entry.resolve, entry.reject)
      .finally(() => {
        this.#running -= 1;
        if (entry.isRemote) this.#runningRemote -= 1;
        this.#keysRunning.delete(entry.key);
        this.#startWaiting();
      });
    return true;
  }
}
