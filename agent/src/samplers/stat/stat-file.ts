/** /proc/stat, which two samplers want in each tick: the kernel counts all processors and interrupts together for it. */
import type { Host } from '../../host/host.ts';

const PATH = '/proc/stat';

/** What `read` gets serves `readAfter` as well, which comes behind it in the same tick. */
export class StatFile {
  #text: string | undefined;

  /** @throws HostError */
  read(host: Host): string {
    this.#text = undefined;
    this.#text = host.read(PATH).toString('latin1');
    return this.#text;
  }

  /** What the last `read` got, once; reads when there is nothing. @throws HostError */
  readAfter(host: Host): string {
    const text = this.#text ?? this.read(host);
    this.#text = undefined;
    return text;
  }
}
