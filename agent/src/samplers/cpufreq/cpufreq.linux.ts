/**
 * Frequencies of processors from /sys/devices/system/cpu/cpu<n>/cpufreq, and how often heat slowed them down from
 * thermal_throttle (x86). Virtual machines have neither. On some processors the kernel asks the hardware when
 * scaling_cur_freq is read, which takes some microseconds each. Limits are read once a minute.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import type { Host } from '../../host/host.ts';
import {
  addNumberFile,
  addSetting,
  listIfPresent,
  readFact,
  readSetting,
  type NumberFile,
  type Setting,
} from '../files.ts';
import { parseInteger } from '../parse.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';

const FOLDER = '/sys/devices/system/cpu';
const PREFIX = 'cpu';
const HERTZ_PER_KILOHERTZ = 1_000;

const FREQUENCIES: readonly NumberFile[] = [
  { metric: 'node_cpu_frequency_hertz', file: 'cpufreq/cpuinfo_cur_freq', times: HERTZ_PER_KILOHERTZ },
  {
    metric: 'node_cpu_scaling_frequency_hertz',
    file: 'cpufreq/scaling_cur_freq',
    times: HERTZ_PER_KILOHERTZ,
  },
];

const LIMITS: readonly { readonly metric: MetricName; readonly file: string }[] = [
  { metric: 'node_cpu_frequency_min_hertz', file: 'cpufreq/cpuinfo_min_freq' },
  { metric: 'node_cpu_frequency_max_hertz', file: 'cpufreq/cpuinfo_max_freq' },
  { metric: 'node_cpu_scaling_frequency_min_hertz', file: 'cpufreq/scaling_min_freq' },
  { metric: 'node_cpu_scaling_frequency_max_hertz', file: 'cpufreq/scaling_max_freq' },
];

/** What is remembered of a processor. */
interface Cpu {
  readonly cpu: string;
  readonly folder: string;
  readonly limits: readonly Setting[];
  readonly hasFrequencies: boolean;
  /** The numbers of its core and package where it is the first one of them: those it shares them with count the same. */
  readonly firstOfCore: readonly [core: string, packageId: string] | undefined;
  readonly firstOfPackage: string | undefined;
}

export function cpufreqSampler(clock: Clock): Sampler {
  const cpus = remembered(clock, readCpus);
  return {
    name: 'cpufreq',
    metrics: [
      ...[...FREQUENCIES, ...LIMITS].map(({ metric }) => metric),
      'node_cpu_core_throttles_total',
      'node_cpu_package_throttles_total',
    ],
    sample(host, readings) {
      const source = { host, readings };
      for (const { cpu, folder, limits, hasFrequencies, firstOfCore, firstOfPackage } of cpus(host)) {
        const labels = [cpu];
        for (const limit of limits) addSetting(readings, limit, labels);
        if (hasFrequencies) {
          for (const each of FREQUENCIES) addNumberFile(source, `${folder}/${each.file}`, each, labels);
        }
        if (firstOfCore !== undefined) {
          const path = `${folder}/thermal_throttle/core_throttle_count`;
          addNumberFile(source, path, { metric: 'node_cpu_core_throttles_total' }, firstOfCore);
        }
        if (firstOfPackage !== undefined) {
          const path = `${folder}/thermal_throttle/package_throttle_count`;
          addNumberFile(source, path, { metric: 'node_cpu_package_throttles_total' }, [firstOfPackage]);
        }
      }
    },
  };
}

/** Those that have frequencies or throttles. */
function readCpus(host: Host): readonly Cpu[] {
  const seen = new Set<string>();
  const isFirst = (id: string): boolean => !seen.has(id) && seen.add(id).size > 0;
  return listIfPresent(host, FOLDER, /^cpu[0-9]+$/).flatMap((name) => {
    const folder = `${FOLDER}/${name}`;
    const hasFrequencies = host.has(`${folder}/cpufreq`);
    const hasThrottles = host.has(`${folder}/thermal_throttle`);
    if (!hasFrequencies && !hasThrottles) return [];
    const core = hasThrottles ? readFact(host, `${folder}/topology/core_id`) : '';
    const packageId = hasThrottles ? readFact(host, `${folder}/topology/physical_package_id`) : '';
    const isKnown = core !== '' && packageId !== '';
    return {
      cpu: name.slice(PREFIX.length),
      folder,
      hasFrequencies,
      limits: LIMITS.flatMap(({ metric, file }) => {
        const path = `${folder}/${file}`;
        const parse = (bytes: Buffer): number => parseInteger(bytes, path) * HERTZ_PER_KILOHERTZ;
        return readSetting(host, path, { metric, parse }) ?? [];
      }),
      firstOfCore: isKnown && isFirst(`${packageId}/${core}`) ? ([core, packageId] as const) : undefined,
      firstOfPackage: isKnown && isFirst(packageId) ? packageId : undefined,
    };
  });
}
