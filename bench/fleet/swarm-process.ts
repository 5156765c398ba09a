/** The swarm as the benchmark sees it: a child process that obeys. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { SwarmOrder, SwarmStatus } from './swarm.ts';

export class SwarmProcess {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'swarm.ts'), { stdio: 'inherit' });
  #answers: Promise<unknown> = Promise.resolve();

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** One order at a time; the answer tells how the swarm is. */
  order(order: SwarmOrder): Promise<SwarmStatus> {
    const answer = this.#answers.then(
      () =>
        new Promise<SwarmStatus>((resolve, reject) => {
          const ended = (): void => reject(new Error('the swarm has ended'));
          this.#child.once('exit', ended);
          this.#child.once('message', (status: SwarmStatus) => {
            this.#child.off('exit', ended);
            resolve(status);
          });
          this.#child.send(order);
        }),
    );
    this.#answers = answer.catch(() => undefined);
    return answer;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
