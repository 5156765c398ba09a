/** The inventory of this machine, read at start and then four times a day. */
import { background } from '@rollcall/shared/lib/background.ts';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import type { CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { collectInventory } from './collect.ts';
import type { ChildCommand } from '../host/run-child.ts';

/** One reading costs about a second of a processor, three with the pending updates of Debian. */
const INTERVAL_MS = 6 * 3_600_000;
/** After a reading that failed or was not complete. */
const RETRY_MS = 3_600_000;

export interface InventoryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** `CHECKOUT_CHILD` of collect.ts, unless the agent is a bundle. */
  readonly command: ChildCommand;
  /** Names of sections that stay on the machine: they are not even read. */
  readonly excludedSections: readonly string[];
}

export class Inventory {
  readonly #options: InventoryOptions;
  readonly #sections = new Map<string, CanonicalSection>();
  #listener: (() => void) | undefined;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** The newest reading of each section, empty before the first one. */
  sections(): readonly CanonicalSection[] {
    return [...this.#sections.values()];
  }

  /** Called after a reading in which a section changed, the first one included. One listener. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** Begins the first reading. Does nothing when already started. */
  start(): void {
    if (this.#controller !== undefined) return;
    this.#controller = new AbortController();
    this.#begin(this.#controller.signal);
  }

  /** Kills a reading under way; resolves when it is gone. May be called twice. */
  async stop(): Promise<void> {
    this.#controller?.abort();
    this.#controller = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  #begin(signal: AbortSignal): void {
    this.#running = this.#read(signal);
    background(this.#options.log, 'inventory', this.#running);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const isComplete = await this.#readOnce(signal);
    if (signal.aborted) return;
    if (!isComplete) log.warn('inventory is not complete', { retryMs: RETRY_MS });
    const delayMs = isComplete ? INTERVAL_MS : RETRY_MS;
    this.#timer = clock.setTimer(delayMs, () => this.#begin(signal), { isBackground: true });
  }

  /** Whether every section could be read. */
  async #readOnce(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    try {
      const { sections, missing } = await collectInventory({ ...this.#options, isBackground: true }, signal);
      const changed = sections.filter(({ name, hash }) => this.#sections.get(name)?.hash !== hash);
      for (const section of changed) this.#sections.set(section.name, section);
      if (missing.length > 0) log.warn('inventory sections could not be read', { missing });
      if (changed.length > 0) this.#listener?.();
      return missing.length === 0;
    } catch (error) {
      if (!signal.aborted) log.warn('inventory could not be read', { error: describeError(error) });
      return false;
    }
  }
}
