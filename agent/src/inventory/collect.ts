/** One reading of the inventory. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { canonicalSection, type CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { HostError, type Host } from '../host/host.ts';
import { isRecord, type RawRecord } from './raw.ts';
import { runChild, type ChildCommand } from './run-child.ts';
import { makeSections } from './sections.ts';

/** The commands behind it take a second; a slow disk or a name server that does not answer a little more. */
const CHILD_TIMEOUT_MS = 60_000;
const CHILD_OUTPUT_BYTES_MAX = 2 * 1024 * 1024;

/** Runs `child.ts` beside this file with the Node.js that runs us; in the built agent, `child.mjs` beside ours. */
export const CHECKOUT_CHILD: ChildCommand = {
  program: process.execPath,
  args: [fileURLToPath(new URL(`child${extname(import.meta.filename)}`, import.meta.url))],
};

export interface InventoryReading {
  /** Ready to travel, in the order of their register. */
  readonly sections: readonly CanonicalSection[];
  /** Names of sections that could not be read this time; what is known of them stays as it is. */
  readonly missing: readonly string[];
}

export interface CollectOptions {
  readonly host: Host;
  readonly clock: Clock;
  /** Program that prints the answers as JSON. */
  readonly command: ChildCommand;
}

/**
 * Reads the whole inventory. Takes about half a second of another process and holds nothing afterwards.
 * @throws HostError timeout, too_large, io
 */
export async function collectInventory(
  options: CollectOptions,
  signal: AbortSignal,
): Promise<InventoryReading> {
  const { host, clock, command } = options;
  const limits = { clock, timeoutMs: CHILD_TIMEOUT_MS, outputBytesMax: CHILD_OUTPUT_BYTES_MAX };
  const output = await runChild(command, limits, signal);
  const { sections, missing } = makeSections(parseAnswers(output.toString()), (path) => isDenied(host, path));
  return { sections: sections.map(canonicalSection), missing };
}

/** @throws HostError io when it is not one JSON object */
function parseAnswers(output: string): RawRecord {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch (error) {
    throw new HostError('io', 'read the answer of the inventory program', { cause: error });
  }
  if (!isRecord(value)) throw new HostError('io', 'read the answer of the inventory program: not an object');
  return value;
}

function isDenied(host: Host, path: string): boolean {
  try {
    host.readOnce(path);
    return false;
  } catch (error) {
    return error instanceof HostError && error.kind === 'denied';
  }
}
