/**
 * What a look at all processes of this machine costs, without and with the watch that finds the busiest: once a minute, so a
 * look of 60 ms would be a thousandth of a processor.
 */
import { LocalHost, MACHINE_ROOTS } from '../agent/src/host/local-host.ts';
import { lookAtProcesses } from '../agent/src/samplers/processes/processes.linux.ts';
import { ProcessWatch } from '../agent/src/samplers/processes/watch.ts';
import { systemClock } from '../shared/src/lib/clock.ts';

const LOOKS = 40;
const COMMON_COUNT = 300;
const US_PER_MS = 1_000;

/** Prints a table. */
export function processes(): Promise<void> {
  using host = new LocalHost(MACHINE_ROOTS);
  const count = lookAtProcesses(host).pids;
  process.stdout.write(`${count} processes   each look   per process   of ${COMMON_COUNT} processes\n`);
  for (const [name, watch] of [
    ['counted', undefined],
    ['and watched', new ProcessWatch(systemClock)],
  ] as const) {
    lookAtProcesses(host, watch);
    const before = process.cpuUsage();
    for (let i = 0; i < LOOKS; i++) lookAtProcesses(host, watch);
    const { user, system } = process.cpuUsage(before);
    const us = (user + system) / LOOKS;
    const cells = [
      name.padEnd(`${count} processes`.length),
      `${(us / US_PER_MS).toFixed(2)} ms`.padStart(11),
      `${(us / count).toFixed(1)} µs`.padStart(13),
      `${((us / count) * (COMMON_COUNT / US_PER_MS)).toFixed(1)} ms a minute`.padStart(18),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
  return Promise.resolve();
}
