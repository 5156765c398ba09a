/** Size and fill of file systems: mounts from /proc/1/mountinfo, numbers from statfs(2). */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { HostError, type FilesystemUsage, type Host } from '../../host/host.ts';
import { sampleErrorCode } from '../failure.ts';
import type { Readings } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import { parseMounts, type Mount } from './filesystem.ts';

const SIZE_METRICS = [
  'node_filesystem_size_bytes',
  'node_filesystem_free_bytes',
  'node_filesystem_avail_bytes',
  'node_filesystem_files',
  'node_filesystem_files_free',
] as const;

/**
 * @param options.mountTimeoutMs a mount that has not answered by then fails alone; less than the sampler itself gets
 */
export function filesystemSampler(options: {
  readonly clock: Clock;
  readonly mountTimeoutMs: number;
}): Sampler {
  let content = Buffer.alloc(0);
  let mounts: readonly Mount[] = [];
  return {
    name: 'filesystem',
    metrics: [...SIZE_METRICS, 'node_filesystem_readonly', 'node_filesystem_device_error'],
    async sample(host, readings, signal) {
      const bytes = readMounts(host);
      if (!bytes.equals(content)) {
        // Cutting up a line for each mount is dear, and mounts hardly change.
        mounts = parseMounts(bytes);
        content = Buffer.from(bytes);
      }
      const controller = new AbortController();
      const giveUp = (): void => controller.abort();
      signal.addEventListener('abort', giveUp, { once: true });
      const timer = options.clock.setTimer(options.mountTimeoutMs, giveUp);
      try {
        const usages = await Promise.allSettled(mounts.map((mount) => host.statfs(mount, controller.signal)));
        mounts.forEach((mount, i) => {
          const usage = usages[i];
          if (usage !== undefined) addMount(readings, mount, usage);
        });
      } finally {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
      }
    },
  };
}

/**
 * The mounts as process 1 sees them: our own may show everything as read-only when the service is sandboxed. Where
 * processes are hidden from us, our own must do.
 */
function readMounts(host: Host): Buffer {
  try {
    return host.read('/proc/1/mountinfo');
  } catch (error) {
    if (!(error instanceof HostError) || error.kind === 'too_large') throw error;
    return host.read('/proc/self/mountinfo');
  }
}

function addMount(readings: Readings, mount: Mount, result: PromiseSettledResult<FilesystemUsage>): void {
  const { device, fstype, mountpoint } = mount;
  const labels = [device, fstype, mountpoint] as const;
  readings.add('node_filesystem_readonly', mount.isReadonly ? 1 : 0, ...labels);
  readings.add('node_filesystem_device_error', result.status === 'fulfilled' ? 0 : 1, ...labels);
  if (result.status === 'rejected') {
    const code = sampleErrorCode(result.reason);
    for (const metric of SIZE_METRICS) readings.fail(metric, code, ...labels);
    return;
  }
  const usage = result.value;
  readings.add('node_filesystem_size_bytes', usage.blocks * usage.blockBytes, ...labels);
  readings.add('node_filesystem_free_bytes', usage.blocksFree * usage.blockBytes, ...labels);
  readings.add('node_filesystem_avail_bytes', usage.blocksAvailable * usage.blockBytes, ...labels);
  readings.add('node_filesystem_files', usage.files, ...labels);
  readings.add('node_filesystem_files_free', usage.filesFree, ...labels);
}
