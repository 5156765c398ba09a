/** `rollcall-collector run`: starts the collector, says where it is, and stops it on a signal. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { startCollector } from '../app.ts';
import type { Config } from '../config/options.ts';
import { pinoLogger } from '../self/log.ts';

/** Resolves after a clean stop. */
export async function runCollector(config: Config, print: (text: string) => void): Promise<void> {
  const log = pinoLogger(config['log-level']);
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    // Without a listener, SIGUSR1 would open Node's debugger to everybody on this machine.
    process.on('SIGUSR1', () => log.info('SIGUSR1 has no meaning here'));
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const collector = await startCollector(config, { clock: systemClock, log, random: Math.random });
  print(`rollcall-collector is ready at ${collector.url}\n`);
  const signal = await stopped;
  log.info('collector stops', { signal });
  await collector.stop();
}
