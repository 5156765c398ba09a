/** One reading of the inventory, in a process of its own. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { BACKGROUND, parseReport, type InventoryReading } from './report.ts';
import { runChild, type ChildCommand } from '../host/run-child.ts';

/** Usually it takes two seconds; disks that do not answer and a slow list of packages take more. */
const CHILD_TIMEOUT_MS = 300_000;
const CHILD_OUTPUT_BYTES_MAX = 32 * 1024 * 1024;

/** Runs `child.ts` beside this file with the Node.js that runs us; in the built agent, `child.mjs` beside ours. */
export const CHECKOUT_CHILD: ChildCommand = {
  program: process.execPath,
  args: [fileURLToPath(new URL(`child${extname(import.meta.filename)}`, import.meta.url))],
};

export interface CollectOptions {
  readonly clock: Clock;
  /** Program that prints the report; it gets the excluded sections as arguments. */
  readonly command: ChildCommand;
  /** Names of sections that are not even read. */
  readonly excludedSections: readonly string[];
  /** Nobody waits: it gets what is left of the processor. */
  readonly isBackground: boolean;
}

/**
 * Reads the whole inventory and holds nothing afterwards.
 * @throws HostError timeout, too_large, io
 */
export async function collectInventory(
  options: CollectOptions,
  signal: AbortSignal,
): Promise<InventoryReading> {
  const { clock, command, excludedSections, isBackground } = options;
  const parameters = isBackground ? [BACKGROUND, ...excludedSections] : excludedSections;
  const limits = {
    clock,
    timeoutMs: CHILD_TIMEOUT_MS,
    outputBytesMax: CHILD_OUTPUT_BYTES_MAX,
    what: 'run the inventory program',
    hasOwnGroup: true,
  };
  const output = await runChild({ ...command, args: [...command.args, ...parameters] }, limits, signal);
  return parseReport(output);
}
