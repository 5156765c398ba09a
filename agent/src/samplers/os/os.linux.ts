/** Name and version of the operating system from /etc/os-release, or /usr/lib/os-release where that is missing. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { isAbsent, type Host } from '../../host/host.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { parseOsRelease } from './os.ts';

export function osSampler(clock: Clock): Sampler {
  const release = remembered(clock, (host) => parseOsRelease(readOsRelease(host)));
  return {
    name: 'os',
    metrics: ['node_os_info', 'node_os_version'],
    sample(host, readings) {
      const { info, id, idLike, name, version } = release(host);
      readings.addFacts('node_os_info', info);
      if (version !== undefined) readings.add('node_os_version', version, id, idLike, name);
    },
  };
}

function readOsRelease(host: Host): string {
  try {
    return host.readOnce('/etc/os-release').toString();
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return host.readOnce('/usr/lib/os-release').toString();
  }
}
