/** `rollcall-agent show`: prints what would be sent, and everything that was read for it. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { createTicks, createWatch } from '../app.ts';
import type { Config } from '../config/load.ts';
import type { Host } from '../host/host.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { CHECKOUT_CHILD, collectInventory } from '../inventory/collect.ts';
import { Manifest, recordingHost } from '../inventory/manifest.ts';
import type { InventoryReading } from '../inventory/report.ts';
import { lookAtProcesses } from '../samplers/processes/processes.linux.ts';
import type { ProcessWatch } from '../samplers/processes/watch.ts';
import { machineFacts, readSmallFile } from '../self/facts.ts';
import { showJson, showText } from '../self/show.ts';
import { storedSettings } from './stored-settings.ts';
import type { Terminal } from './terminal.ts';

export async function show(config: Config, isJson: boolean, terminal: Terminal): Promise<void> {
  const manifest = new Manifest();
  using local = new LocalHost(MACHINE_ROOTS);
  const host = recordingHost(local, manifest);
  const facts = machineFacts(config.hostName, (path) => {
    const text = readSmallFile(path);
    manifest.file(path, text === undefined ? 'absent' : 'ok');
    return text;
  });
  const { textfileDir, excludedSections } = config;
  const { intervalMs, disabledSamplers, shown: settings } = storedSettings(config, terminal);
  const watch = createWatch(systemClock, excludedSections);
  const ticks = createTicks({
    clock: systemClock,
    host,
    facts,
    intervalMs,
    textfileDir,
    watch,
    disabledSamplers,
  });
  // The tick is the second look; what was used in between is what `run` counts in a minute.
  if (watch !== undefined) lookFirst(host, watch);
  const inventory = await readInventory(config, terminal);
  manifest.add(inventory.manifest);
  const tick = await ticks.takeTick();
  const { sections, missing } = inventory;
  const shown = {
    facts,
    settings,
    tick,
    sections,
    missing,
    manifest: manifest.lists(),
    processes: watch?.snapshots.at(-1),
  };
  terminal.print(isJson ? showJson(shown) : showText(shown));
}

/** What cannot be read is told with the tick. */
function lookFirst(host: Host, watch: ProcessWatch): void {
  try {
    lookAtProcesses(host, watch);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}

/** The metrics are worth showing without the inventory. */
async function readInventory({ excludedSections }: Config, terminal: Terminal): Promise<InventoryReading> {
  const options = { clock: systemClock, command: CHECKOUT_CHILD, excludedSections, isBackground: false };
  try {
    return await collectInventory(options, new AbortController().signal);
  } catch (error) {
    const reason = describeError(error);
    terminal.complain(`rollcall-agent: cannot read the inventory: ${reason}\n`);
    return { sections: [], missing: [{ name: 'all', reason }], manifest: { files: [], programs: [] } };
  }
}
