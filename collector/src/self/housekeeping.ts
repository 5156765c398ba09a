/** What is thrown away once a day. */
import { schedule } from 'node-cron';
import { background } from '@rollcall/shared/lib/background.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';

/** At a quiet minute. UTC, because node-cron loses runs when clocks are put back. */
const DAILY = '17 3 * * *';

/** Removes what is older than it is kept; stops early when the signal is aborted. */
export type Chore = (signal: AbortSignal) => unknown;

/** Runs the chores daily, one after another; a failure is logged and does not keep the others. Returns the way to stop. */
export function scheduleHousekeeping(
  log: Logger,
  chores: Readonly<Record<string, Chore>>,
): () => Promise<void> {
  const controller = new AbortController();
  const task = schedule(
    DAILY,
    () => {
      for (const [name, chore] of Object.entries(chores))
        background(log, name, run(chore, controller.signal));
    },
    { timezone: 'UTC' },
  );
  return async () => {
    controller.abort();
    await task.stop();
  };
}

async function run(chore: Chore, signal: AbortSignal): Promise<void> {
  await chore(signal);
}
