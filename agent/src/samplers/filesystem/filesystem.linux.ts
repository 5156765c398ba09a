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
const NO_ANSWER = new HostError('io', 'statfs gave no answer');

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
    sample(host, readings, signal) {
      const bytes = readMounts(host);
      if (!bytes.equals(content)) {
        // Cutting up a line for each mount is dear, and mounts hardly change.
        mounts = parseMounts(bytes);
        content = Buffer.from(bytes);
      }
      if (mounts.every(({ isImmediate }) => isImmediate)) {
        for (const mount of mounts) addMount(readings, mount, usageNow(host, mount));
        return undefined;
      }
      return addSlowMounts(host, readings, { ...options, mounts, signal });
    },
  };
}

interface SlowMounts {
  readonly clock: Clock;
  readonly mountTimeoutMs: number;
  readonly mounts: readonly Mount[];
  readonly signal: AbortSignal;
}

/** Asks for those that may take their time all at once, and gives each of them the same time. */
async function addSlowMounts(host: Host, readings: Readings, options: SlowMounts): Promise<void> {
  const { clock, mountTimeoutMs, mounts, signal } = options;
  const controller = new AbortController();
  const giveUp = (): void => controller.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  const timer = clock.setTimer(mountTimeoutMs, giveUp);
  try {
    const usages = await Promise.all(
      mounts.map((mount) =>
        mount.isImmediate
          ? Promise.resolve(usageNow(host, mount))
          : host.statfs(mount, controller.signal).catch(hostErrorOf),
      ),
    );
    mounts.forEach((mount, i) => addMount(readings, mount, usages[i] ?? NO_ANSWER));
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', giveUp);
  }
}

function usageNow(host: Host, mount: Mount): FilesystemUsage | HostError {
  try {
    return host.statfsNow(mount.path);
  } catch (error) {
    return hostErrorOf(error);
  }
}

function hostErrorOf(error: unknown): HostError {
  if (error instanceof HostError) return error;
  throw error;
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

function addMount(readings: Readings, mount: Mount, usage: FilesystemUsage | HostError): void {
  const { device, fstype, mountpoint } = mount;
  const labels = [device, fstype, mountpoint] as const;
  readings.add('node_filesystem_readonly', mount.isReadonly ? 1 : 0, ...labels);
  readings.add('node_filesystem_device_error', usage instanceof HostError ? 1 : 0, ...labels);
  if (usage instanceof HostError) {
    const code = sampleErrorCode(usage);
    for (const metric of SIZE_METRICS) readings.fail(metric, code, ...labels);
    return;
  }
  readings.add('node_filesystem_size_bytes', usage.blocks * usage.blockBytes, ...labels);
  readings.add('node_filesystem_free_bytes', usage.blocksFree * usage.blockBytes, ...labels);
  readings.add('node_filesystem_avail_bytes', usage.blocksAvailable * usage.blockBytes, ...labels);
  readings.add('node_filesystem_files', usage.files, ...labels);
  readings.add('node_filesystem_files_free', usage.filesFree, ...labels);
}
