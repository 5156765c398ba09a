/**
 * Processes by state from /proc/<pid>/stat, their limits from /proc/sys/kernel. A look at all of them takes 15 to 25 µs
 * per process, so it is taken once a minute only; the counts stay the same in between. The same look finds the busiest.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError, isAbsent, type Host } from '../../host/host.ts';
import { rememberedNumbers, type NumberFile } from '../files.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { fieldsOfStat, parseProcess, parseProcessUse, ProcessCounts } from './processes.ts';
import type { ProcessWatch } from './watch.ts';

const LIMITS: readonly NumberFile[] = [
  { metric: 'node_processes_max_processes', file: '/proc/sys/kernel/pid_max' },
  { metric: 'node_processes_max_threads', file: '/proc/sys/kernel/threads-max' },
];

/** @param watch is shown every look; nobody is without it */
export function processesSampler(clock: Clock, watch?: ProcessWatch): Sampler {
  const counted = remembered(clock, (host) => lookAtProcesses(host, watch));
  const addLimits = rememberedNumbers(clock, LIMITS);
  return {
    name: 'processes',
    metrics: [
      'node_processes_pids',
      'node_processes_threads',
      'node_processes_state',
      ...LIMITS.map(({ metric }) => metric),
    ],
    sample(host, readings) {
      const counts = counted(host);
      readings.add('node_processes_pids', counts.pids);
      readings.add('node_processes_threads', counts.threads);
      for (const [state, count] of counts.states) readings.add('node_processes_state', count, state);
      addLimits(host, readings);
    },
  };
}

/** Looks at all processes. @throws HostError, ParseError */
export function lookAtProcesses(host: Host, watch?: ProcessWatch): ProcessCounts {
  const counts = new ProcessCounts();
  const names = host.list('/proc');
  // A count of those that we may see would be a wrong count of all.
  if (!names.includes('1')) throw new HostError('denied', 'list /proc: it hides processes of others');
  watch?.begin(host);
  for (const name of names) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const stat = host.readOnce(`/proc/${name}/stat`).toString('latin1');
      const fields = fieldsOfStat(stat);
      counts.add(parseProcess(fields));
      watch?.see(host, Number(name), parseProcessUse(stat, fields));
    } catch (error) {
      // It ended since it was listed.
      if (!isAbsent(error)) throw error;
    }
  }
  watch?.end();
  return counts;
}
