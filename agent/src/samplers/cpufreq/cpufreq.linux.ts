/**
 * Frequencies of processors from /sys/devices/system/cpu/cpu<n>/cpufreq, and how often heat slowed them down from
 * thermal_throttle (x86). Virtual machines have neither. On some processors the kernel asks the hardware when
 * scaling_cur_freq is read, which takes some microseconds each.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { addNumberFile, listIfPresent, readFact, type NumberFile } from '../files.ts';
import type { Readings } from '../readings.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/cpu';
const PREFIX = 'cpu';
const HERTZ_PER_KILOHERTZ = 1_000;

const FREQUENCIES: readonly NumberFile[] = [
  { metric: 'node_cpu_frequency_hertz', file: 'cpufreq/cpuinfo_cur_freq', times: HERTZ_PER_KILOHERTZ },
  { metric: 'node_cpu_frequency_min_hertz', file: 'cpufreq/cpuinfo_min_freq', times: HERTZ_PER_KILOHERTZ },
  { metric: 'node_cpu_frequency_max_hertz', file: 'cpufreq/cpuinfo_max_freq', times: HERTZ_PER_KILOHERTZ },
  {
    metric: 'node_cpu_scaling_frequency_hertz',
    file: 'cpufreq/scaling_cur_freq',
    times: HERTZ_PER_KILOHERTZ,
  },
  {
    metric: 'node_cpu_scaling_frequency_min_hertz',
    file: 'cpufreq/scaling_min_freq',
    times: HERTZ_PER_KILOHERTZ,
  },
  {
    metric: 'node_cpu_scaling_frequency_max_hertz',
    file: 'cpufreq/scaling_max_freq',
    times: HERTZ_PER_KILOHERTZ,
  },
];

export function cpufreqSampler(clock: Clock): Sampler {
  const names = remembered(clock, (host) => listIfPresent(host, FOLDER, /^cpu[0-9]+$/));
  return {
    name: 'cpufreq',
    metrics: [
      ...FREQUENCIES.map(({ metric }) => metric),
      'node_cpu_core_throttles_total',
      'node_cpu_package_throttles_total',
    ],
    sample(host, readings) {
      // Processors that share a core or a package count the same throttles.
      const seen = new Set<string>();
      for (const name of names(host)) {
        const folder = `${FOLDER}/${name}`;
        if (host.has(`${folder}/cpufreq`)) {
          for (const each of FREQUENCIES) {
            addNumberFile({ host, readings }, `${folder}/${each.file}`, each, [name.slice(PREFIX.length)]);
          }
        }
        if (host.has(`${folder}/thermal_throttle`)) addThrottles({ host, readings }, folder, seen);
      }
    },
  };
}

function addThrottles(
  source: { readonly host: Host; readonly readings: Readings },
  folder: string,
  seen: Set<string>,
): void {
  const core = readFact(source.host, `${folder}/topology/core_id`);
  const packageId = readFact(source.host, `${folder}/topology/physical_package_id`);
  if (core === '' || packageId === '') return;
  if (!seen.has(`${packageId}/${core}`)) {
    seen.add(`${packageId}/${core}`);
    const path = `${folder}/thermal_throttle/core_throttle_count`;
    addNumberFile(source, path, { metric: 'node_cpu_core_throttles_total' }, [core, packageId]);
  }
  if (!seen.has(packageId)) {
    seen.add(packageId);
    const path = `${folder}/thermal_throttle/package_throttle_count`;
    addNumberFile(source, path, { metric: 'node_cpu_package_throttles_total' }, [packageId]);
  }
}
