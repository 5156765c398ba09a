/**
 * Counters of Windows, through one PowerShell that stays: nearly every other way starts a program for each question.
 * All samplers of a tick share one answer.
 */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { LineProgram } from '../../host/line-program.ts';
import type { Sampler } from '../sampler.ts';
import {
  addWindowsReading,
  parseWindowsReading,
  WINDOWS_SAMPLERS,
  windowsMetrics,
  type WindowsReading,
} from './windows.ts';

const POWERSHELL = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';
const ENVIRONMENT = { SystemRoot: 'C:\\Windows', PATH: 'C:\\Windows\\System32;C:\\Windows' };

/** Samplers of one tick ask within a few milliseconds; ticks are at least a second apart. */
const SHARED_MS = 500;

/** Answers each line with one JSON object; ends with its input. Reads only. */
const SCRIPT = `
$ErrorActionPreference = 'SilentlyContinue'
function Get-Raw($class, $properties) { @(Get-CimInstance -ClassName "Win32_PerfRawData_$class" | Select-Object -Property $properties) }
while ($null -ne [Console]::In.ReadLine()) {
  $answer = @{
    cpu = Get-Raw 'PerfOS_Processor' @('Name','PercentIdleTime','PercentUserTime','PercentPrivilegedTime','PercentInterruptTime','PercentDPCTime','InterruptsPersec','DPCsQueuedPersec',@{n='SystemTime';e={$_.PercentPrivilegedTime - $_.PercentInterruptTime - $_.PercentDPCTime}})
    memory = Get-Raw 'PerfOS_Memory' @('AvailableBytes','CommittedBytes','CommitLimit','CacheBytes','PoolPagedBytes','PoolNonpagedBytes','PageFaultsPersec','PageReadsPersec','PageWritesPersec')
    volumes = Get-Raw 'PerfDisk_LogicalDisk' @('Name','PercentFreeSpace_Base','FreeMegabytes','CurrentDiskQueueLength','DiskReadBytesPersec','DiskWriteBytesPersec','DiskReadsPersec','DiskWritesPersec','PercentDiskReadTime','PercentDiskWriteTime','PercentIdleTime')
    disks = Get-Raw 'PerfDisk_PhysicalDisk' @('Name','CurrentDiskQueueLength','DiskReadBytesPersec','DiskWriteBytesPersec','DiskReadsPersec','DiskWritesPersec','PercentDiskReadTime','PercentDiskWriteTime','PercentIdleTime')
    nics = Get-Raw 'Tcpip_NetworkInterface' @('Name','BytesReceivedPersec','BytesSentPersec','PacketsReceivedPersec','PacketsSentPersec','PacketsReceivedErrors','PacketsOutboundErrors','PacketsReceivedDiscarded','PacketsOutboundDiscarded','CurrentBandwidth')
    system = Get-Raw 'PerfOS_System' @('Processes','Threads','ProcessorQueueLength','ContextSwitchesPersec','SystemCallsPersec')
    os = @(Get-CimInstance Win32_OperatingSystem | Select-Object TotalVisibleMemorySize,FreePhysicalMemory,SizeStoredInPagingFiles,FreeSpaceInPagingFiles,@{n='BootMs';e={([DateTimeOffset]$_.LastBootUpTime).ToUnixTimeMilliseconds()}},@{n='LogicalProcessors';e={[Environment]::ProcessorCount}})
  }
  [Console]::Out.WriteLine(($answer | ConvertTo-Json -Compress -Depth 3))
}`;

/** Something that answers with one line of JSON. */
export interface Counters {
  /** @throws HostError */
  ask(signal: AbortSignal): Promise<string>;
}

export function windowsSamplers(clock: Clock, counters: Counters): readonly Sampler[] {
  let shared: { readonly reading: Promise<WindowsReading>; readonly atMs: number } | undefined;
  const read = (signal: AbortSignal): Promise<WindowsReading> => {
    const nowMs = clock.monoMs();
    if (shared === undefined || nowMs - shared.atMs >= SHARED_MS) {
      shared = { reading: counters.ask(signal).then(parseWindowsReading), atMs: nowMs };
    }
    return shared.reading;
  };
  return WINDOWS_SAMPLERS.map((name) => ({
    name,
    metrics: windowsMetrics(name),
    async sample(_host, readings, signal) {
      addWindowsReading(name, await read(signal), readings);
    },
  }));
}

/** PowerShell, which starts with the first question and stays until it is closed: one is enough for a process. */
export function powershell(clock: Clock): LineProgram {
  const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', SCRIPT];
  return new LineProgram({ command: { program: POWERSHELL, args }, clock, environment: ENVIRONMENT });
}
